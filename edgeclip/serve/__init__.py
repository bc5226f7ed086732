"""The service: HTTP for apps in other languages, for a kiosk's browser and for people."""
