-- Carom for Wireshark and tshark: the lines between the nodes of a ring, the messages of the receiver, and the runs of
-- the rate endpoint. docs/PROTOCOL.md explains the lines, docs/LAB.md the endpoints.
--
-- Use it once:      tshark -X lua_script:contrib/wireshark/carom.lua -r capture.pcapng
-- Install it:       copy it to the folder that Help, About Wireshark, Folders calls "Personal Lua Plugins"
--
-- The ring is recognised by its lines, on any port. The receiver and the rate endpoint are recognised by their ports,
-- 10000 and 10100 unless the preferences of CAROM-LAB say otherwise.

-- The longest line of the protocol, as in src/net/frame.rs.
local LONGEST_LINE = 64 * 1024

-- How much of a message the info column shows.
local PREVIEW = 60

local ring = Proto("carom", "Carom, a ring of bouncing balls")
local fields = ring.fields
fields.type = ProtoField.string("carom.type", "Type")
fields.line = ProtoField.string("carom.line", "Line")
fields.ball = ProtoField.uint32("carom.ball", "Ball")
fields.generation = ProtoField.string("carom.generation", "Generation")
fields.hop = ProtoField.uint64("carom.hop", "Hop of a pass")
fields.known_hop = ProtoField.uint64("carom.known_hop", "Hop that an acknowledgement or a request names")
fields.x = ProtoField.double("carom.x", "Position across, in pixels")
fields.y = ProtoField.double("carom.y", "Position up, in pixels")
fields.across = ProtoField.double("carom.across", "Speed across, in pixels a second")
fields.up = ProtoField.double("carom.up", "Speed up, in pixels a second")
fields.left = ProtoField.uint64("carom.left", "Left of the lease, in microseconds")
fields.at = ProtoField.uint64("carom.at", "Clock of the sender, in microseconds")
fields.echo = ProtoField.uint64("carom.echo", "Clock of the receiver when it sent what is echoed, in microseconds")
fields.since = ProtoField.uint64("carom.since", "Time since that was received, in microseconds")
fields.seq = ProtoField.uint64("carom.seq", "Number of the request")
fields.version = ProtoField.uint32("carom.version", "Version of the protocol")
fields.ring = ProtoField.string("carom.ring", "Ring")
fields.node = ProtoField.string("carom.node", "Node")
fields.incarnation = ProtoField.string("carom.incarnation", "Incarnation")
fields.topology = ProtoField.string("carom.topology", "Topology")
fields.reason = ProtoField.string("carom.reason", "Reason")
fields.key = ProtoField.string("carom.key", "Fingerprint of the key")
fields.record = ProtoField.uint32("carom.record", "Length of an encrypted record, in bytes")

local no_line = ProtoExpert.new("carom.no_line", "This is no line of the protocol", expert.group.MALFORMED, expert.severity.WARN)
ring.experts = { no_line }

-- JSON: what the lines have of it. Returns the value that begins at `from` and where the rest begins; nothing if it
-- is broken.

local value_at

local ESCAPES = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }

local function string_at(text, from)
    local parts, at = {}, from + 1
    while true do
        local plain, stop = text:match('^([^"\\]*)(["\\])', at)
        if not plain then return nil end
        parts[#parts + 1] = plain
        at = at + #plain + 1
        if stop == '"' then return table.concat(parts), at end
        local letter = text:sub(at, at)
        if letter == "u" then
            local digits = text:match("^%x%x%x%x", at + 1)
            if not digits then return nil end
            parts[#parts + 1] = "\\u" .. digits
            at = at + 5
        elseif ESCAPES[letter] then
            parts[#parts + 1] = ESCAPES[letter]
            at = at + 1
        else
            return nil
        end
    end
end

-- Numbers stay text: those of 64 bits do not fit into a number of Lua 5.2.
local function list_at(text, from, depth)
    local list, at = {}, text:match("^%s*()", from + 1)
    if text:sub(at, at) == "]" then return list, at + 1 end
    while true do
        local element
        element, at = value_at(text, at, depth + 1)
        if element == nil then return nil end
        list[#list + 1] = element
        local stop, rest = text:match("^%s*([,%]])()", at)
        if not stop then return nil end
        at = rest
        if stop == "]" then return list, at end
    end
end

local function object_at(text, from, depth)
    local object, at = {}, text:match("^%s*()", from + 1)
    if text:sub(at, at) == "}" then return object, at + 1 end
    while true do
        at = text:match('^%s*()"', at)
        if not at then return nil end
        local key
        key, at = string_at(text, at)
        at = key and text:match("^%s*:()", at)
        if not at then return nil end
        object[key], at = value_at(text, at, depth + 1)
        if object[key] == nil then return nil end
        local stop, rest = text:match("^%s*([,}])()", at)
        if not stop then return nil end
        at = rest
        if stop == "}" then return object, at end
    end
end

value_at = function(text, from, depth)
    if depth > 8 then return nil end
    local at = text:match("^%s*()", from)
    local first = text:sub(at, at)
    if first == '"' then return string_at(text, at) end
    if first == "[" then return list_at(text, at, depth) end
    if first == "{" then return object_at(text, at, depth) end
    local word, rest = text:match("^([%w+.-]+)()", at)
    return word, rest
end

local function object_in(line)
    if line:sub(1, 1) ~= "{" then return nil end
    local object, rest = object_at(line, 1, 1)
    if object and line:match("^%s*$", rest) and type(object.type) == "string" then return object end
end

-- The tree of one line.

-- In two parts, because a number of Lua holds 53 bits.
local function number(text)
    if type(text) ~= "string" or not text:match("^%d+$") or #text > 20 then return nil end
    local high, low = tonumber(text:sub(1, -10)) or 0, tonumber(text:sub(-9))
    return UInt64.new(high % 2 ^ 32, math.floor(high / 2 ^ 32)) * 1000000000 + low
end

local function add_text(tree, range, field, text)
    if type(text) == "string" then tree:add(field, range, text) end
end

local function add_number(tree, range, field, text)
    local value = number(text)
    if value then tree:add(field, range, value) end
end

local function add_small(tree, range, field, text)
    local value = type(text) == "string" and tonumber(text)
    if value and value >= 0 and value < 2 ^ 32 then tree:add(field, range, math.floor(value)) end
end

local function add_float(tree, range, field, text)
    local value = type(text) == "string" and tonumber(text)
    if value then tree:add(field, range, value) end
end

local function add_motion(tree, range, state)
    if type(state) ~= "table" then return end
    local position, velocity = state.position, state.velocity
    if type(position) == "table" then
        add_float(tree, range, fields.x, position[1])
        add_float(tree, range, fields.y, position[2])
    end
    if type(velocity) == "table" then
        add_float(tree, range, fields.across, velocity[1])
        add_float(tree, range, fields.up, velocity[2])
    end
end

local function add_ball(tree, range, ball, is_pass)
    add_small(tree, range, fields.ball, ball.ball)
    add_text(tree, range, fields.generation, ball.generation)
    add_number(tree, range, is_pass and fields.hop or fields.known_hop, ball.hop)
    add_motion(tree, range, ball.state)
end

local function ball_names(balls)
    if type(balls) ~= "table" then return "?" end
    local names = {}
    for _, ball in ipairs(balls) do
        names[#names + 1] = type(ball) == "table" and type(ball.ball) == "string" and ball.ball or "?"
    end
    return table.concat(names, ", ")
end

-- A word for the info column. Text from the network is cut and stripped of what is not printable.
local function shown(text)
    if type(text) ~= "string" then return "?" end
    local plain = text:gsub("[%c\127-\255]", "."):sub(1, PREVIEW)
    return #text > PREVIEW and plain .. "..." or plain
end

-- One line of the info column for each type.
local INFO = {
    key = function(it) return "key " .. shown(it.key) .. ": what follows is encrypted" end,
    hello = function(it) return "hello from " .. shown(it.node) .. " of ring " .. shown(it.ring) end,
    refused = function(it) return "refused: " .. shown(it.reason) end,
    heartbeat = function() return "heartbeat" end,
    pass = function(it) return "pass of ball " .. shown(it.ball) .. ", hop " .. shown(it.hop) end,
    passed = function(it) return "passed: ball " .. shown(it.ball) .. ", hop " .. shown(it.hop) end,
    acquire = function(it) return "acquire " .. shown(it.seq) .. " for ball " .. ball_names(it.balls) end,
    granted = function(it) return "granted " .. shown(it.seq) .. " for ball " .. ball_names(it.balls) end,
    denied = function(it) return "denied " .. shown(it.seq) .. " for ball " .. ball_names(it.balls) end,
    release = function(it) return "release of ball " .. shown(it.ball) end,
    leaving = function() return "leaving" end,
    farewell = function() return "farewell" end,
    found = function(it) return "found " .. shown(it.seq) .. ": did you lend this ball?" end,
    unlent = function(it) return "unlent " .. shown(it.seq) end,
    remove = function(it) return "remove ball " .. shown(it.ball) end,
    fence = function(it)
        local asks = it.promise == "true" and ": promise not to hold an older one" or ": do you hold an older one?"
        return "fence for ball " .. shown(it.ball) .. ", generation " .. shown(it.generation) .. asks
    end,
    fenced = function(it)
        local says = it.promise == "true" and ": promised" or ": I hold no older one"
        return "fenced: ball " .. shown(it.ball) .. ", generation " .. shown(it.generation) .. says
    end,
    obituary = function(it) return "obituary: the process of " .. shown(it.node) .. " has ended" end,
    noted = function() return "noted: the obituary is believed" end,
}

local function add_line(tree, range, line, info)
    local it = object_in(line)
    local branch = tree:add(ring, range)
    if not it then
        branch:append_text(", no line of the protocol")
        branch:add_proto_expert_info(no_line)
        info[#info + 1] = "no line of the protocol"
        return nil
    end
    local sentence = (INFO[it.type] or function() return shown(it.type) end)(it)
    branch:append_text(": " .. sentence)
    info[#info + 1] = sentence
    add_text(branch, range, fields.type, it.type)
    add_text(branch, range, fields.ring, it.ring)
    add_text(branch, range, fields.node, it.node)
    add_small(branch, range, fields.version, it.version)
    add_text(branch, range, fields.incarnation, it.incarnation)
    add_text(branch, range, fields.topology, it.topology)
    add_text(branch, range, fields.reason, it.reason)
    add_text(branch, range, fields.key, it.key)
    add_number(branch, range, fields.seq, it.seq)
    add_ball(branch, range, it, it.type == "pass")
    add_number(branch, range, fields.left, it.left)
    add_number(branch, range, fields.at, it.at)
    add_number(branch, range, fields.echo, it.echo)
    add_number(branch, range, fields.since, it.since)
    if type(it.balls) == "table" then
        for _, ball in ipairs(it.balls) do
            if type(ball) == "table" then add_ball(branch, range, ball, false) end
        end
    end
    branch:add(fields.line, range, line)
    return it.type
end

-- With a key, everything after a side's line `key` is records. Where that line stood, by connection and direction.
local encrypted_from = {}

local tcp_stream = Field.new("tcp.stream")

local function direction(pinfo)
    local stream = tcp_stream()
    return string.format("%s %s %d", stream and tostring(stream.value) or "?", tostring(pinfo.src), pinfo.src_port)
end

local function is_encrypted(pinfo, offset)
    local from = encrypted_from[direction(pinfo)]
    return from and (from.frame < pinfo.number or from.frame == pinfo.number and from.offset <= offset)
end

local function ask_for_more(pinfo, offset, length)
    pinfo.desegment_offset = offset
    pinfo.desegment_len = length
end

local function add_records(buffer, pinfo, tree, offset, info)
    while offset < buffer:len() do
        if buffer:len() - offset < 2 then
            ask_for_more(pinfo, offset, DESEGMENT_ONE_MORE_SEGMENT)
            return
        end
        local size = buffer(offset, 2):uint()
        local missing = offset + 2 + size - buffer:len()
        if missing > 0 then
            ask_for_more(pinfo, offset, missing)
            return
        end
        local range = buffer(offset, 2 + size)
        local branch = tree:add(ring, range)
        branch:append_text(": an encrypted record")
        branch:add(fields.record, range, size)
        info[#info + 1] = string.format("encrypted, %d bytes", size)
        offset = offset + 2 + size
    end
end

local function newline_after(buffer, offset)
    local text = buffer:raw(offset)
    local at = text:find("\n", 1, true)
    return at, text
end

function ring.dissector(buffer, pinfo, tree)
    pinfo.cols.protocol = "Carom"
    local info, offset = {}, 0
    while offset < buffer:len() do
        if is_encrypted(pinfo, offset) then
            add_records(buffer, pinfo, tree, offset, info)
            break
        end
        local length, text = newline_after(buffer, offset)
        if not length then
            if #text < LONGEST_LINE then ask_for_more(pinfo, offset, DESEGMENT_ONE_MORE_SEGMENT) end
            break
        end
        local kind = add_line(tree, buffer(offset, length), text:sub(1, length - 1), info)
        offset = offset + length
        if kind == "key" and not pinfo.visited then
            encrypted_from[direction(pinfo)] = { frame = pinfo.number, offset = offset }
        end
    end
    if #info > 0 then pinfo.cols.info = table.concat(info, "; ") end
    return buffer:len()
end

function ring.init() encrypted_from = {} end

ring:register_heuristic("tcp", function(buffer, pinfo, tree)
    if buffer:len() < 12 then return false end
    local kind = buffer:raw(0, math.min(buffer:len(), 24)):match('^{"type":"(%l+)"')
    if not kind or not INFO[kind] then return false end
    pinfo.conversation = ring
    ring.dissector(buffer, pinfo, tree)
    return true
end)

-- The endpoints for students.

local lab = Proto("carom-lab", "Carom, the lab")
local lab_fields = lab.fields
lab_fields.message = ProtoField.string("carom.message", "Message")
lab_fields.message_bytes = ProtoField.uint32("carom.message.bytes", "Bytes of the message, its newline included")
lab_fields.bytes = ProtoField.uint32("carom.rate.bytes", "Bytes of the run in this segment")
lab_fields.chunk_end = ProtoField.bool("carom.rate.chunk_end", "The segment ends in Y: a chunk may be complete")
lab_fields.run_end = ProtoField.bool("carom.rate.run_end", "The segment ends in a newline: the run may be complete")
lab_fields.report = ProtoField.string("carom.rate.report", "Report of the receiver")
lab.prefs.receiver = Pref.uint("Port of the receiver", 10000)
lab.prefs.rate = Pref.uint("Port of the rate endpoint", 10100)

local function dissect_messages(buffer, pinfo, tree)
    pinfo.cols.protocol = "Carom message"
    local info, offset = {}, 0
    while offset < buffer:len() do
        local length, text = newline_after(buffer, offset)
        if not length then
            ask_for_more(pinfo, offset, DESEGMENT_ONE_MORE_SEGMENT)
            break
        end
        local range, message = buffer(offset, length), text:sub(1, length - 1)
        local branch = tree:add(lab, range)
        branch:append_text(string.format(": a message of %d bytes, which ends here", length))
        branch:add(lab_fields.message, range, shown(message))
        branch:add(lab_fields.message_bytes, range, length)
        info[#info + 1] = string.format("message of %d bytes: %s", length, shown(message))
        offset = offset + length
    end
    if #info > 0 then pinfo.cols.info = table.concat(info, "; ") end
end

local function dissect_rate(buffer, pinfo, tree)
    pinfo.cols.protocol = "Carom rate"
    local branch = tree:add(lab, buffer())
    if pinfo.src_port == lab.prefs.rate then
        local report = buffer:raw():gsub("\n$", "")
        branch:append_text(": the report of the receiver")
        branch:add(lab_fields.report, buffer(), report)
        pinfo.cols.info = "report of the receiver"
        return
    end
    local last = buffer:raw(buffer:len() - 1)
    local text = string.format("%d bytes of a run", buffer:len())
    branch:add(lab_fields.bytes, buffer(), buffer:len())
    if last == "Y" then
        branch:add(lab_fields.chunk_end, buffer(buffer:len() - 1), true)
        text = text .. ", ends in Y"
    elseif last == "\n" then
        branch:add(lab_fields.run_end, buffer(buffer:len() - 1), true)
        text = text .. ", ends in a newline"
    end
    branch:append_text(": " .. text)
    pinfo.cols.info = text
end

function lab.dissector(buffer, pinfo, tree)
    if buffer:len() == 0 then return 0 end
    local ports = { [pinfo.src_port] = true, [pinfo.dst_port] = true }
    if ports[lab.prefs.rate] then
        dissect_rate(buffer, pinfo, tree)
    else
        dissect_messages(buffer, pinfo, tree)
    end
    return buffer:len()
end

local registered = {}

local function register()
    local ports = DissectorTable.get("tcp.port")
    for _, port in ipairs(registered) do ports:remove(port, lab) end
    registered = { lab.prefs.receiver, lab.prefs.rate }
    for _, port in ipairs(registered) do ports:add(port, lab) end
end

register()
lab.prefs_changed = register
