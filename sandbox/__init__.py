"""Stand-ins for Reloadly and Twilio, with their own ledger, for development and tests."""
