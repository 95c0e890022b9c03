"""(being furnished)"""
