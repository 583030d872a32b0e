{{ staged_held_rows('shopify') }}
