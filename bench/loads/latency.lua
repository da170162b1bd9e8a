-- wrk's own report ends at p99. Quantiles are in microseconds.
function done(summary, latency, requests)
  io.write(string.format("quantiles %d %d %d\n", latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
