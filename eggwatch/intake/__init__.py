"""How uploads come in and leave: what is known of each, copies, disk space, retiring."""
