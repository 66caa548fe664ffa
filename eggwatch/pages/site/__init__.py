"""The site for people: pages of projects and releases, the landing page, lists, search and feeds."""
