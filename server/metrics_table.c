/* SPDX-License-Identifier: MIT */
/* The rows of /metrics. Names and units are as Prometheus asks: base units, counters in _total. */
#include <stddef.h>
#include <string.h>

#include "metrics.h"
#include "networks.h"

#define AT(member) .count = 1, .offset = offsetof(struct metrics, member)
#define EACH(member, name, names)                                                                  \
        .label = (name), .values = (names), .count = sizeof(names) / sizeof((names)[0]),           \
        .offset = offsetof(struct metrics, member)

const char *const metrics_code_names[METRICS_CODES] = {
        "1000", "1001", "1002", "1003", "1004", "1005", "1006",      "1007",      "1008", "1009",
        "1010", "1011", "1012", "1013", "1014", "1015", "3000-3999", "4000-4999", "other"};

const char *const metrics_reason_names[METRICS_REASONS] = {"tls",          "client_certificate",
                                                           "origin",       "timeout",
                                                           "gone",         "descriptors",
                                                           "bad_request",  "login",
                                                           "forbidden",    "not_found",
                                                           "method",       "upgrade_required",
                                                           "too_large",    "busy",
                                                           "limited",      "ending",
                                                           "denied",       "proxy_untrusted",
                                                           "proxy_header", "other"};

/* Options. The first are enum ws_limit, the others enum metrics_limit. */
const char *const metrics_limit_names[METRICS_LIMITS] = {
        "handshake-timeout", "idle-timeout",    "ping-timeout", "max-lifetime",
        "max-message-rate",  "max-message",     "max-memory",   "max-connections",
        "max-per-address",   "rate-per-address"};

static const char *const types[] = {"text", "binary"};
static const char *const classes[METRICS_CLASSES] = {"2xx", "3xx", "4xx", "5xx"};
static const char *const truths[] = {"false", "true"};

const struct metrics_row metrics_table[] = {
        {.name = "connections_open",
         .help = "WebSocket connections that are open.",
         .type = METRICS_GAUGE,
         AT(open)},
        {.name = "connections_shaking",
         .help = "Connections whose handshakes are not complete.",
         .type = METRICS_GAUGE,
         AT(shaking)},
        {.name = "connections_accepted_total",
         .help = "Connections accepted from the network.",
         AT(accepted)},
        {.name = "connections_opened_total",
         .help = "Connections that became WebSockets.",
         AT(opened)},
        {.name = "connections_refused_total",
         .help = "Connections that became no WebSockets, by reason; pages that were asked for are "
                 "none of them.",
         EACH(refused, "reason", metrics_reason_names)},
        {.name = "limit_exceeded_total",
         .help = "How often a connection was over a limit, by the option that sets it; max-buffer "
                 "and max-control-rate: how often reading from one stopped.",
         EACH(limits, "limit", metrics_limit_names)},
        {.name = "limit_exceeded_total", .labels = "limit=\"max-buffer\"", AT(traffic.pauses)},
        {.name = "limit_exceeded_total", .labels = "limit=\"max-control-rate\"", AT(traffic.rests)},
        {.name = "http_responses_total",
         .help = "HTTP responses other than 101, by class of status.",
         EACH(responses, "code", classes)},
        {.name = "messages_total",
         .help = "Whole messages, by direction and type.",
         .labels = "direction=\"received\"",
         EACH(traffic.received.messages, "type", types)},
        {.name = "messages_total",
         .labels = "direction=\"sent\"",
         EACH(traffic.sent.messages, "type", types)},
        {.name = "message_bytes_total",
         .help = "Bytes of messages' payloads as they go, compressed or not, by direction and "
                 "type.",
         .labels = "direction=\"received\"",
         EACH(traffic.received.bytes, "type", types)},
        {.name = "message_bytes_total",
         .labels = "direction=\"sent\"",
         EACH(traffic.sent.bytes, "type", types)},
        {.name = "compressed_messages_total",
         .help = "Messages that went compressed, by direction; they are among messages_total.",
         .labels = "direction=\"received\"",
         AT(compression.received.messages)},
        {.name = "compressed_messages_total",
         .labels = "direction=\"sent\"",
         AT(compression.sent.messages)},
        {.name = "compressed_message_bytes_total",
         .help = "Bytes of those messages, by direction, as they are and as they went.",
         .labels = "direction=\"received\",form=\"plain\"",
         AT(compression.received.plain)},
        {.name = "compressed_message_bytes_total",
         .labels = "direction=\"received\",form=\"compressed\"",
         AT(compression.received.compressed)},
        {.name = "compressed_message_bytes_total",
         .labels = "direction=\"sent\",form=\"plain\"",
         AT(compression.sent.plain)},
        {.name = "compressed_message_bytes_total",
         .labels = "direction=\"sent\",form=\"compressed\"",
         AT(compression.sent.compressed)},
        {.name = "control_frames_total",
         .help = "Pings and Pongs, by direction and type.",
         .labels = "direction=\"received\",type=\"ping\"",
         AT(traffic.received.pings)},
        {.name = "control_frames_total",
         .labels = "direction=\"received\",type=\"pong\"",
         AT(traffic.received.pongs)},
        {.name = "control_frames_total",
         .labels = "direction=\"sent\",type=\"ping\"",
         AT(traffic.sent.pings)},
        {.name = "control_frames_total",
         .labels = "direction=\"sent\",type=\"pong\"",
         AT(traffic.sent.pongs)},
        {.name = "fragments_total",
         .help = "Frames of received messages, behind their first ones.",
         AT(traffic.received.fragments)},
        {.name = "close_frames_total",
         .help = "Close frames of connections that ended, by the side that sent them and their "
                 "code; 1005 had none, and a side that ended without one has 1006.",
         .labels = "side=\"client\"",
         EACH(received_closes, "code", metrics_code_names)},
        {.name = "close_frames_total",
         .labels = "side=\"server\"",
         EACH(sent_closes, "code", metrics_code_names)},
        {.name = "tls_handshakes_total",
         .help = "Complete TLS handshakes, by version and whether a session was resumed.",
         .labels = "version=\"1.2\"",
         EACH(tls[0], "resumed", truths)},
        {.name = "tls_handshakes_total",
         .labels = "version=\"1.3\"",
         EACH(tls[1], "resumed", truths)},
        {.name = "tls_errors_total",
         .help = "TLS sessions that broke, in their handshakes or later.",
         AT(tls_errors)},
        {.name = "certificate_expiry_time_seconds",
         .help = "When the first of the certificates expires, since unix epoch in seconds.",
         .type = METRICS_GAUGE,
         .microseconds = true,
         .earliest = true,
         AT(certificate_expiry)},
        {.name = "handshake_seconds",
         .help = "From when a connection was accepted to when it was a WebSocket, TLS included.",
         .type = METRICS_HISTOGRAM,
         AT(handshake)},
        {.name = "connection_seconds",
         .help = "How long WebSocket connections were open that have ended.",
         .type = METRICS_HISTOGRAM,
         AT(lifetime)},
        {.name = "echo_seconds",
         .help = "From when a message was read to when all of its echo was on its way out, to be "
                 "encrypted and sent; of a sample, one message in each 17th read of a connection.",
         .type = METRICS_HISTOGRAM,
         AT(traffic.echo)},
        {.name = "loop_lag_seconds",
         .help = "How late a timer ran that is due each tenth of a second.",
         .type = METRICS_HISTOGRAM,
         AT(lag)},
        {.name = "slow_tasks_total",
         .help = "How often a task, or many in one turn, kept the event loop for longer than "
                 "--slow-task.",
         AT(slow_tasks)},
        {.name = "tasks", .help = "Tasks.", .type = METRICS_GAUGE, AT(tasks)},
        {.name = "memory_bytes",
         .help = "Memory that --max-memory bounds, by use: 40 KiB for each connection, and what "
                 "messages take.",
         .type = METRICS_GAUGE,
         .labels = "use=\"connections\"",
         AT(connection_memory)},
        {.name = "memory_bytes",
         .type = METRICS_GAUGE,
         .labels = "use=\"messages\"",
         AT(message_memory)},
        {.name = "stack_space_bytes",
         .help = "Address space of the stacks of tasks; memory only where they were touched.",
         .type = METRICS_GAUGE,
         AT(stack_space)},
        {.name = "log_lines_lost_total",
         .help = "Lines that were lost, by log: nobody took them.",
         .labels = "log=\"standard_error\"",
         AT(log_lost)},
        {.name = "log_lines_lost_total", .labels = "log=\"access\"", AT(access_log_lost)},
        {.name = "log_lines_left_out_total",
         .help = "Lines on standard error that were left out, for there were many like them.",
         AT(log_left_out)},
        {.name = "process_cpu_seconds_total",
         .help = "Total user and system CPU time spent in seconds.",
         .microseconds = true,
         AT(cpu_time)},
        {.name = "process_resident_memory_bytes",
         .help = "Resident memory size in bytes.",
         .type = METRICS_GAUGE,
         AT(resident_memory)},
        {.name = "process_start_time_seconds",
         .help = "Start time of the process since unix epoch in seconds.",
         .type = METRICS_GAUGE,
         .microseconds = true,
         .earliest = true,
         AT(start_time)},
};
const size_t metrics_rows = sizeof(metrics_table) / sizeof(metrics_table[0]);

size_t
metrics_code_index(unsigned code)
{
        if (code >= 1000 && code <= 1015)
                return code - 1000;
        if (code >= 3000 && code <= 4999)
                return code < 4000 ? METRICS_CODES - 3 : METRICS_CODES - 2;
        return METRICS_CODES - 1;
}

size_t
metrics_reason_named(const char *name)
{
        size_t i = 0;

        while (i < METRICS_REASONS - 1 && strcmp(metrics_reason_names[i], name) != 0)
                i++;
        return i;
}

/* Of a connection that has ended and was never open. */
size_t
metrics_reason_index(const struct ws_info *info)
{
        static const struct {
                int status;
                const char *reason;
        } refusals[] = {{400, "bad_request"}, {401, "login"},   {403, "forbidden"},
                        {404, "not_found"},   {405, "method"},  {426, "upgrade_required"},
                        {408, "timeout"},     {429, "limited"}, {431, "too_large"},
                        {503, "busy"}};
        static const char *const proxy_faults[] = {
                [WS_PROXY_UNTRUSTED] = "proxy_untrusted", [WS_PROXY_WRONG] = "proxy_header"};
        size_t i;

        if (info->proxy_fault != WS_PROXY_RIGHT)
                return metrics_reason_named(proxy_faults[info->proxy_fault]);
        if (info->why == networks_denied)
                return metrics_reason_named("denied");
        if (info->client_refused)
                return metrics_reason_named("client_certificate");
        if (info->foreign_origin)
                return metrics_reason_named("origin");
        for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
                if (refusals[i].status == info->status)
                        return metrics_reason_named(refusals[i].reason);
        if (info->status != 0)
                return METRICS_REASONS - 1;
        if (info->tls_failed)
                return metrics_reason_named("tls");
        if (info->limit == WS_LIMIT_HANDSHAKE_TIMEOUT)
                return metrics_reason_named("timeout");
        return metrics_reason_named(info->ended_by == WS_SIDE_CLIENT ? "gone" : "ending");
}
