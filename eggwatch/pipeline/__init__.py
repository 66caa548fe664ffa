"""The way of one file: sight, settle, claim, inspect, judge, admit, render, publish, announce."""
