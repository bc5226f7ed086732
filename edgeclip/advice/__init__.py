"""Say what CLIP cannot do, before and after it disappoints."""
