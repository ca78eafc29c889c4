"""Signed receipts: issued, stored, verified, and made from usage logs."""
