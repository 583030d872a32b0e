{{ staged_held_rows('lightspeed') }}
