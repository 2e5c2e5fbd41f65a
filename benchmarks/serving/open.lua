-- Open loop: requests leave at the moments of a schedule, whether or not earlier ones have been answered, and latency
-- counts from the scheduled moment.
-- Arguments after --: file of the body, content type, requests a second, seconds of sending, seconds until the first one.
--
-- wrk's Lua is told of an answer but not on which connection it came, so that each connection has a thread to itself
-- (-t as large as -c). All threads take their next moment from one counter in shared memory and sleep until it; at any time
-- some of them must be asleep, or else requests are late, and their latency says so.

local ffi = require("ffi")
ffi.cdef [[
  struct timespec { long seconds; long nanoseconds; };
  int clock_gettime(int clock, struct timespec *now);
  int clock_nanosleep(int clock, int flags, const struct timespec *moment, struct timespec *left);
  int pthread_mutex_lock(void *mutex);
  int pthread_mutex_unlock(void *mutex);
  struct schedule { double mutex[16]; double slots, made, began, computed, ended, computed_by_then; };
]]
local MONOTONIC, PROCESS, ABSOLUTE = 1, 2, 1 -- clocks and the flag of clock_nanosleep
local IDLE = 1 -- seconds after which a server may have closed an idle connection
local moment = ffi.new("struct timespec")

local function read(clock)
  ffi.C.clock_gettime(clock, moment)
  return tonumber(moment.seconds) + tonumber(moment.nanoseconds) * 1e-9
end

local function now() return read(MONOTONIC) end

local function sleep_until(when)
  moment.seconds, moment.nanoseconds = math.floor(when), math.floor(when % 1 * 1e9)
  ffi.C.clock_nanosleep(MONOTONIC, ABSOLUTE, moment, nil)
end

-- In wrk's main state: once for each thread, before it starts.

local threads, shared = {}, nil

function setup(thread)
  if not shared then
    shared = ffi.new("struct schedule") -- all zeros is an unlocked mutex on Linux
    shared.made = now()
    thread:set("probed", false) -- wrk asks the first thread for a request before it starts, to look at it
  end
  thread:set("address", tonumber(ffi.cast("uintptr_t", ffi.cast("void *", shared))))
  table.insert(threads, thread)
end

-- In each thread.

local schedule, message, rate, start, finish
local waiting, intended, late, idle = false, 0, 0, 0
statuses, latencies, lates, ends = {}, {}, {}, {} -- global, as the next: done() reads them
sent, lost, resent = 0, 0, 0

function init(args)
  local file = assert(io.open(args[1], "rb"))
  message = wrk.format("POST", nil, { ["Content-Type"] = args[2] }, file:read("*a"))
  file:close()
  schedule = ffi.cast("struct schedule *", address)
  rate, start = tonumber(args[3]), schedule.made + tonumber(args[5])
  finish = start + tonumber(args[4])
end

local function take()
  ffi.C.pthread_mutex_lock(schedule.mutex)
  local slot = schedule.slots
  if start + slot / rate < finish then schedule.slots = slot + 1 end
  ffi.C.pthread_mutex_unlock(schedule.mutex)
  return start + slot / rate
end

function request()
  if probed == false then
    probed = true
    return message
  end
  if waiting and idle > IDLE then -- the server had closed the connection meanwhile: send again, as every client does
    idle, resent = 0, resent + 1
    return message
  end
  if waiting then lost, waiting = lost + 1, false end
  local free = now()
  intended = take()
  if free >= finish or intended >= finish then -- nothing is sent, and the thread waits for the end
    if schedule.ended == 0 and free > start then
      schedule.ended, schedule.computed_by_then = free, read(PROCESS)
    end
    return ""
  end
  sleep_until(intended)
  if schedule.began == 0 then schedule.began, schedule.computed = now(), read(PROCESS) end
  local leaves = now()
  waiting, late, idle = true, leaves - intended, leaves - free
  sent = sent + 1
  return message
end

function response(status)
  if not waiting then return end
  waiting = false
  local answered = now()
  statuses[#statuses + 1] = status
  latencies[#latencies + 1] = answered - intended
  lates[#lates + 1] = late
  ends[#ends + 1] = answered - start
end

-- A line for each answer: status, seconds since it should have been sent, seconds that it was sent too late, seconds from
-- the start to its end; then the sums.
function done()
  local sums = { sent = 0, lost = 0, resent = 0 }
  io.write("\n")
  for _, thread in ipairs(threads) do
    for name, sum in pairs(sums) do sums[name] = sum + thread:get(name) end
    local statuses, latencies = thread:get("statuses"), thread:get("latencies")
    local lates, ends = thread:get("lates"), thread:get("ends")
    for i = 1, #statuses do
      io.write(string.format("answer %d %.6f %.6f %.6f\n", statuses[i], latencies[i], lates[i], ends[i]))
    end
  end
  for name, sum in pairs(sums) do io.write(string.format("%s %d\n", name, sum)) end
  -- What wrk computed while it sent, in cores; making all its threads is not in it.
  if shared.ended == 0 then shared.ended, shared.computed_by_then = now(), read(PROCESS) end
  local took = shared.computed_by_then - shared.computed
  io.write(string.format("cores %.4f\n", took / math.max(shared.ended - shared.began, 1e-3)))
end
