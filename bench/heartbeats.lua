-- Many devices, each with its own key, in turn. The file that MUSTER_BENCH_DEVICES names has a line for
-- each: uuid, key, ETag. Requests are made once, so that the generator costs next to nothing.

local requests = {}
local next = 0

function init()
  for line in io.lines(os.getenv('MUSTER_BENCH_DEVICES')) do
    local uuid, key, etag = line:match('^(%S+) (%S+) (%S+)$')
    requests[#requests + 1] = wrk.format('GET', '/device/v3/' .. uuid .. '/state', {
      ['Authorization'] = 'Bearer ' .. key,
      ['If-None-Match'] = etag,
      ['User-Agent'] = 'muster-agent/0.1.0 (Linux; aarch64)',
    })
  end
end

function request()
  next = next % #requests + 1
  return requests[next]
end

function done(summary, latency)
  io.write(string.format('{"requestCount":%d,"durationUs":%d,"p50Us":%d,"p99Us":%d,"errorCount":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status
      + summary.errors.timeout))
end
