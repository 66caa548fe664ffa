"""ARCHIVES OF WHAT IS INSTALLED, OR ASKED FOR: found by pip, never built, and compared with what is installed."""
