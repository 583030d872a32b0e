"""Shopify online stores: the Admin API in GraphQL."""
