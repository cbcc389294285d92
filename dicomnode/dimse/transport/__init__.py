"""Our own upper layer (PS3.8): a thread per connection that sleeps in the kernel, and a bound on everything."""
