"""A faithful fake of Lightspeed's API over one seeded retail world; it shares no code with the client."""
