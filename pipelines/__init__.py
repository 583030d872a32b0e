"""tillhouse: Lightspeed Retail and online channels, to revenue marts that agree with the till to the cent."""
