"""The wheels of installed packages or requirements: downloaded by pip, never built, compared with installed files."""
