"""`volant new` (create) and `volant flywheels` (listing).

Nothing is imported here: listing needs YAML only, and would wait for Arrow otherwise.
"""
