-- The request's body, in hexadecimal digits; a request with a body is a POST.
local body = os.getenv("BODY")
if body ~= "" then
  wrk.method = "POST"
  wrk.body = body:gsub("%x%x", function(digits) return string.char(tonumber(digits, 16)) end)
end

-- What wrk has measured, in one line: requests, microseconds, p50 and p99 in microseconds, failures.
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format("measured %d %d %d %d %d\n",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
