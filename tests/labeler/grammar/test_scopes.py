"""Scopes of negations and hedges: the first and last word of each."""

from __future__ import annotations

from monai_pylon.labeler.grammar.phrases import parse_sentence
from monai_pylon.labeler.grammar.scopes import STATUSES, Scopes, Status
from tests.labeler.grammar.statuses import A, M, P, Q, S, X, assert_statuses


def test_status_of_each_finding() -> None:
    cases = [
        # only the change is negated
        ("No interval increase in size of the pneumothorax", {"pneumothorax": S}),
        ("No convincing change in the mass", {"mass": S}),
        ("No evidence of progression of the mass", {"mass": S}),
        ("Without appreciable growth of the nodule", {"nodule": S}),
        ("No increase or decrease in the effusion", {"pleural effusion": S}),
        ("No resolution of the pneumonia", {"pneumonia": S}),
        ("No improvement in the fibrosis, and no mass", {"fibrosis": S, "mass": A}),
        ("No new mass", {"mass": A}),
        ("No enlargement of the lymph nodes", {"lymphadenopathy": A, "lymph node": S}),
        ("No recurrence of the mass", {"mass": A}),
        # a negation that is cancelled
        ("The mass has almost entirely disappeared", {"mass": S}),
        ("The effusion has nearly completely cleared", {"pleural effusion": S}),
        ("The effusion has cleared", {"pleural effusion": A}),
        ("The nodules have gone", {"nodule": A}),
        ("No doubt there is a mass", {"mass": S}),
        # lists
        ("Consolidation, mass and effusion: not seen", {"consolidation": A, "mass": A, "pleural effusion": A}),
        (
            "The lung is consolidated, mass and effusion are not seen",
            {"consolidation": S, "mass": A, "pleural effusion": A},
        ),
        ("The study is negative for consolidation/effusion", {"consolidation": A, "pleural effusion": A}),
        ("No mass, scattered cysts, no effusion", {"mass": A, "cyst": S, "pleural effusion": A}),
        ("None of the nodules is calcified", {"nodule": S, "calcification": A}),
        # hedges reach across causes, negations do not
        ("Opacity may be secondary to pneumonia", {"opacity": S, "pneumonia": M}),
        ("May represent atelectasis due to effusion", {"atelectasis": M, "pleural effusion": M}),
        ("No pneumothorax after resection", {"pneumothorax": A, "resection": S}),
        ("Pneumonia is felt less likely", {"pneumonia": M}),
        ("Edema, less likely pneumonia", {"edema": S, "pneumonia": M}),
        ("Consider pneumonia", {"pneumonia": M}),
        ("If there is consolidation, repeat", {"consolidation": M}),
        ("CT to determine if there is a mass", {"mass": Q}),
        ("Concern is raised for cancer", {"cancer": M}),
        # words between a negation and the change or finding that it denies
        ("No xx xx xx xx increase in the mass", {"mass": S}),
        ("No xx xx xx xx xx increase in the mass", {"mass": A}),
        ("No small increase in the effusion", {"pleural effusion": S}),
        ("No effusion, progression or mass", {"pleural effusion": A, "mass": A}),
        ("No hilar progression or mass", {"mass": A}),
        ("It is not observed pleural effusion", {"pleural effusion": A}),
        ("It is not observed large effusion", {"pleural effusion": A}),
        ("It is not seen xx xx xx mass", {"mass": A}),
        ("It is not seen xx xx xx xx mass", {"mass": S}),
        ("It would be difficult to exclude a mass", {"mass": M}),
        ("Cannot be excluded xx xx xx mass", {"mass": M}),
        ("Cannot be excluded xx xx xx xx mass", {"mass": S}),
        ("Infection cannot be excluded in the mass", {"infection": M, "mass": S}),
        # "almost" at most two words before a negation, in the same phrase
        ("Effusion nearly xx xx resolved", {"pleural effusion": S}),
        ("Effusion nearly xx xx xx resolved", {"pleural effusion": A}),
        ("Gradually resolved effusion", {"pleural effusion": S}),
        ("Resolved effusion, mostly", {"pleural effusion": A}),
        ("Partial atelectasis resolved", {"atelectasis": A}),
        ("Effusion nearly, resolved", {"pleural effusion": A}),
        # changes that are looked for
        ("CT to document resolution of the consolidation", {"consolidation": S}),
        ("Evaluate for increase in the effusion", {"pleural effusion": S}),
        ("Evaluate for pneumonia progression", {"pneumonia": Q}),
        ("Evaluate for progression or mass", {"mass": Q}),
        # a list with a verb, a field, and a comparison
        ("Mass, effusion are not present", {"mass": A, "pleural effusion": A}),
        ("Mass, effusion is not present", {"mass": S, "pleural effusion": A}),
        ("Effusion: no; mass: yes", {"pleural effusion": A, "mass": S}),
        ("Mass, not seen on the left", {"mass": A}),
        ("Nodules: none in the left lung", {"nodule": A}),
        ("Nodules none in the left lung", {"nodule": A}),
        ("More consistent with atelectasis than pneumonia", {"atelectasis": S, "pneumonia": A}),
        ("Larger than the nodule", {"nodule": S}),
        # hedges before and after
        ("Edema, superimposed infection possible", {"edema": S, "infection": M}),
        ("Edema, pneumonia less likely", {"edema": S, "pneumonia": M}),
        ("Atelectasis or less likely pneumonia", {"atelectasis": S, "pneumonia": M}),
        ("Infection less likely in the atelectasis", {"infection": M, "atelectasis": S}),
        ("Consolidation/?pneumonia", {"consolidation": S, "pneumonia": M}),
        ("Pneumonia, new?", {"pneumonia": M}),
        ("The mass, seen before, resolved in the interval", {"mass": A}),
        # a state that is taken as known
        ("Cannot exclude a mass in the collapsed lobe", {"mass": M, "atelectasis": S}),
        ("No mass in the emphysematous lungs", {"mass": A, "emphysema": S}),
        ("No mass in a collapsed lobe", {"mass": A, "atelectasis": A}),
        # somebody or something else
        ("Mother with lung cancer", {"lung cancer": X}),
        ("Motion artifact mimics a nodule", {"nodule": X}),
        # shorthand
        ("Nodule w/o effusion", {"nodule": S, "pleural effusion": A}),
        ("Effusion (-), pneumothorax (+)", {"pleural effusion": A, "pneumothorax": S}),
        ("Effusion: nil", {"pleural effusion": A}),
    ]
    assert_statuses(cases)


def test_a_status_knows_its_cue() -> None:
    parsed = parse_sentence("The heart is large without any effusion")
    status = parsed.statuses[-1]
    assert (status.name, status.first, status.last) == ("absent", 4, 5)
    assert parsed.statuses[0] == Status("stated", "") == ("stated", "", 0, 0)
    assert parse_sentence("New mass?").statuses[1][2:] == (2, 3)
    assert STATUSES[0] == "stated"
    assert STATUSES[-1] == "absent"


def test_the_higher_status_wins() -> None:
    scopes = Scopes(parse_sentence("mass seen").words, [], [])
    for name in ("possible", "absent", "probable"):
        scopes.set_status(0, 1, Status(name, ""))
    assert [status.name for status in scopes.statuses] == ["absent", "stated"]
    for rule in ("first", "second"):
        scopes.set_status(1, 2, Status("absent", rule))
    assert scopes.statuses[1].rule == "first"


def test_statuses_of_findings() -> None:
    cases = [
        ("No effusion or pneumothorax", {"pleural effusion": A, "pneumothorax": A}),
        ("No effusion, pneumothorax, or large mass", {"pleural effusion": A, "pneumothorax": A, "mass": A}),
        ("No effusion, small mass", {"pleural effusion": A, "mass": S}),
        ("No effusion, there is a mass", {"pleural effusion": A, "mass": S}),
        ("No effusion but a mass", {"pleural effusion": A, "mass": S}),
        ("No effusion; mass", {"pleural effusion": A, "mass": S}),
        ("No effusion, however the mass is large", {"pleural effusion": A, "mass": S}),
        ("No effusion with a stable mass", {"pleural effusion": A, "mass": S}),
        ("No effusion and the mass is stable", {"pleural effusion": A, "mass": S}),
        ("No effusion and no mass", {"pleural effusion": A, "mass": A}),
        ("Mass without effusion", {"mass": S, "pleural effusion": A}),
        ("The mass is stable and the effusion has resolved", {"mass": S, "pleural effusion": A}),
        ("Mass, effusion resolved", {"mass": S, "pleural effusion": A}),
        ("The mass, seen before, has resolved", {"mass": A}),
        ("Resolved effusion", {"pleural effusion": A}),
        ("The effusion has not resolved", {"pleural effusion": S}),
        ("No change in the effusion", {"pleural effusion": S}),
        ("Mass: none", {"mass": A}),
        ("Mass: no", {"mass": A}),
        ("Likely pneumonia", {"pneumonia": P}),
        ("Possible pneumonia with effusion", {"pneumonia": M, "pleural effusion": S}),
        ("Opacity, which may represent pneumonia or mass", {"opacity": S, "pneumonia": M, "mass": M}),
        ("Opacity, pneumonia versus mass", {"opacity": S, "pneumonia": M, "mass": M}),
        ("Pneumonia cannot be excluded", {"pneumonia": M}),
        ("Probable pneumonia but no effusion", {"pneumonia": P, "pleural effusion": A}),
        ("No possible mass", {"mass": A}),
        ("Mass is unlikely to be infectious and is probably scarring", {"mass": S, "infection": A, "scarring": P}),
        ("Consolidation ?pneumonia", {"consolidation": S, "pneumonia": M}),
        ("Pneumonia?", {"pneumonia": M}),
        ("Opacity with mass ?", {"opacity": S, "mass": M}),
        ("Consolidation? Pneumonia", {"consolidation": M, "pneumonia": S}),
        ("The mass could not be identified", {"mass": A}),
        ("No effusion, left lung has a mass", {"pleural effusion": A, "mass": S}),
        ("Evaluate for mass", {"mass": "asked"}),
        ("History of pneumonia with new effusion", {"pneumonia": "history", "pleural effusion": S}),
    ]
    assert_statuses(cases)


def scope(text: str) -> str:
    """Return the words of a sentence that are not stated."""
    parsed = parse_sentence(text)
    return " ".join(word.text for word, one in zip(parsed.words, parsed.statuses, strict=True) if one.name != "stated")


def test_words_in_a_scope() -> None:
    cases = [
        # a scope to the right ends at "but", ";", "?", "with" and at a new statement
        ("xx no yy zz", "no yy zz"),
        ("no xx but yy", "no xx"),
        ("no xx ; yy", "no xx"),
        ("no xx with yy", "no xx"),
        ("no xx , yy", "no xx , yy"),
        ("no xx , small yy", "no xx"),
        ("no xx and small yy", "no xx"),
        ("no xx and yy", "no xx and yy"),
        ("no xx and is yy", "no xx"),
        ("no xx , yy is zz", "no xx"),
        ("no xx , yy is", "no xx , yy is"),
        ("no xx , is yy", "no xx , is yy"),
        ("no xx , mass is yy", "no xx , mass is yy"),
        ("no xx , yy , is zz", "no xx , yy , is zz"),
        ("no xx , yy ; is zz", "no xx , yy"),
        ("no xx , small yy or zz", "no xx , small yy or zz"),
        ("no xx / yy , small / zz", "no xx / yy , small / zz"),
        ("no xx , small yy ; zz or ww", "no xx"),
        ("no xx , small yy but zz or ww", "no xx"),
        ("no xx and", "no xx and"),
        ("no xx ,", "no xx ,"),
        ("no xx , small", "no xx"),
        ("no xx or , small yy", "no xx or"),
        ("no xx and yy is zz", "no xx and yy is zz"),
        ("no xx , yy is zz or ww", "no xx , yy is zz or ww"),
        ("no xx , , yy is zz", "no xx ,"),
        # a scope to the left begins after "but" and ";", and after a comma or "with" if a finding is between
        ("xx but mass absent", "mass absent"),
        ("xx ; mass absent", "mass absent"),
        ("mass but absent", "absent"),
        ("absent , mass", "absent"),
        ("xx , mass absent", "mass absent"),
        ("mass , xx absent", "mass , xx absent"),
        ("xx with mass absent", "mass absent"),
        ("xx and mass absent", "xx and mass absent"),
        ("xx and the mass absent", "the mass absent"),
        ("mass and the right resolved", "the right resolved"),
        ("mass and the one resolved", "the one resolved"),
        ("mass , the right resolved", "the right resolved"),
        ("mass and the right xx resolved", "mass and the right xx resolved"),
        ("mass and the liver resolved", "mass and the liver resolved"),
        ("mass xx clear , lungs are clear", "lungs are clear"),
        ("mass , xx are clear", "xx are clear"),
        # either side
        ("mass resolved xx", "mass resolved"),
        ("xx resolved mass", "resolved mass"),
        ("mass ; resolved xx", "resolved xx"),
        # a negation of another side
        ("right effusion , none on the left", "none on the left"),
        ("right effusion and none on the left", "none on the left"),
        ("and none on the left", "none on the left"),
        # a negation behind "but"
        ("mass but is not confirmed", "mass but is not confirmed"),
        ("but is not confirmed", "is not confirmed"),
        ("mass ; but is not confirmed", "but is not confirmed"),
        # a negation between marks
        ("xx : no", "xx : no"),
        ("no , mass", "no , mass"),
        ("xx less likely yy", "xx less likely"),
        ("mass , xx possible", "xx possible"),
        # a negation at the end
        ("xx , mass : no", "mass : no"),
        # both sides
        ("xx mass yy versus cyst zz", "mass yy versus cyst zz"),
        ("mass xx cyst versus yy", "cyst versus yy"),
        ("mass ; xx versus yy", "versus yy"),
        ("mass but versus yy", "versus yy"),
        ("mass versus there is cyst", "mass versus there is cyst"),
        ("versus mass", "versus mass"),
        ("cyst xx versus mass with yy", "cyst xx versus mass"),
        # a question
        ("xx ?mass with yy", "? mass"),
        ("xx ? mass", "? mass"),
        ("xx ?; mass", "xx"),
        ("xx ? but mass", "?"),
        ("evaluate for xx with yy", "evaluate for xx with yy"),
        ("evaluate for xx but yy", "evaluate for xx"),
    ]
    for text, expected in cases:
        assert scope(text) == expected, text


def test_negations_that_leave_out_their_subject_or_begin_a_field() -> None:
    cases = [
        ("A mass had been suspected but is not confirmed", "absent"),
        ("A mass had been suspected but is absent", "absent"),
        ("Mass, otherwise negative", "stated"),
        ("Not seen: mass", "absent"),
        ("Ruled out: mass", "absent"),
    ]
    for text, expected in cases:
        parsed = parse_sentence(text)
        index = [word.text for word in parsed.words].index("mass")
        assert parsed.statuses[index].name == expected, text
