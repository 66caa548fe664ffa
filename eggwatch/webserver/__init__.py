"""HTTP: one WSGI application over the published trees, on waitress; werkzeug reads what clients ask for."""
