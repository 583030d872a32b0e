{{ staged_held_rows('ecwid') }}
