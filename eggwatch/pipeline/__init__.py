"""The stages of an upload: sight, settle, claim, inspect, judge, admit, render, publish, announce."""
