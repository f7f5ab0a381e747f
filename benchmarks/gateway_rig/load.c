// A load generator that costs next to nothing and reads every byte: one thread, epoll, keep-alive.
//
//   load requests PORT CONNECTIONS SECONDS BODY KEY CHUNKS [PID ...]   closed loop, JSON answers
//   load count    PORT CONNECTIONS REQUESTS ...                        the same, so many of them
//   load streams  PORT CONNECTIONS SECONDS ...                         closed loop of streams
//   load paced    PORT CONNECTIONS SECONDS ...                         one stream a connection
//
// BODY is a file with the request's body, CHUNKS the tokens of each stream (the backend must have
// been told the same). PIDs are the processes whose CPU time is taken over the measured window.
// Prints one JSON object. An answer is `same` when each byte of its body is what the backend sends.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "script.h"

#define BUCKETS 5000000  // of a microsecond each
#define HEAD_MAX 16384
#define WARM_UP_S 0.4
#define SPREAD_S 1.0  // paced streams begin over so long
#define GIVE_UP_S 20.0

typedef struct {
  int fd, busy, started, status, chunked, in_head, events, same, matched;
  size_t head_size, length, body_at;
  int chunk_state;  // 0 size, 1 data, 2 CR LF behind data, 3 trailer
  size_t chunk_left;
  int line_size, trailer_line;
  double sent, first, last, begin_at;
  char head[HEAD_MAX];
} conn_t;

static struct {
  uint64_t done, same, errors, refused, reconnects, tokens, streams;
  int statuses[600];
} total;
static uint32_t *latency, *gaps, *firsts;
static uint64_t n_latency, n_gaps, n_firsts;
static char *request, *script;
static size_t request_size, script_size, *event_end;
static int chunks, port, streaming, epoll_fd, paced, counting, n_conns;
static double window_from, window_to;
static int pids[256], n_pids;

static void add(uint32_t *histogram, uint64_t *n, double seconds) {
  int64_t us = (int64_t)(seconds * 1e6);
  histogram[us < 0 ? 0 : us >= BUCKETS ? BUCKETS - 1 : us]++;
  (*n)++;
}

static double quantile(const uint32_t *histogram, uint64_t n, double q) {
  uint64_t wanted = (uint64_t)(q * (n - 1)), seen = 0;
  for (int i = 0; i < BUCKETS; i++)
    if ((seen += histogram[i]) > wanted) return i / 1000.0;
  return BUCKETS / 1000.0;
}

static double cpu_of_pids(void) {
  double ticks = 0;
  for (int i = 0; i < n_pids; i++) {
    char path[64], text[1024];
    sprintf(path, "/proc/%d/stat", pids[i]);
    FILE *file = fopen(path, "r");
    if (!file) continue;
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = 0;
    unsigned long user, system;
    char *rest = strrchr(text, ')');
    if (rest && sscanf(rest + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                       &system) == 2)
      ticks += user + system;
  }
  return ticks / sysconf(_SC_CLK_TCK);
}

static void connect_it(conn_t *c) {
  if (c->fd > 0) close(c->fd);
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(c->fd, (struct sockaddr *)&at, sizeof at)) {
    fprintf(stderr, "load: cannot connect to port %d: %s\n", port, strerror(errno));
    exit(1);
  }
  int on = 1;
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &e);
}

static void ask(conn_t *c) {
  c->busy = c->in_head = c->same = 1;
  c->head_size = c->body_at = c->chunk_left = c->length = 0;
  c->status = c->chunked = c->events = c->chunk_state = c->line_size = c->matched = 0;
  c->trailer_line = 0;
  c->first = 0;
  c->sent = now_s();
  if (!c->started) c->started = 1;
  ssize_t n = send(c->fd, request, request_size, MSG_NOSIGNAL);
  if (n != (ssize_t)request_size) {  // closed meanwhile: once more on a new connection
    total.reconnects++;
    connect_it(c);
    if (send(c->fd, request, request_size, MSG_NOSIGNAL) != (ssize_t)request_size) exit(1);
  }
}

static int in_window(double t) { return t >= window_from && t < window_to; }

static void token(conn_t *c, double now) {
  if (c->events == 0) {
    c->first = now;
    if (in_window(now) || paced) add(firsts, &n_firsts, now - c->sent);
  } else if (in_window(now) && in_window(c->last)) {
    add(gaps, &n_gaps, now - c->last);
  }
  if (in_window(now)) total.tokens++;
  c->last = now;
  c->events++;
}

// Counts `data: {` where the answer is not the script byte by byte.
static void scan(conn_t *c, const char *data, size_t n, double now) {
  static const char mark[] = "data: {";
  for (size_t i = 0; i < n; i++) {
    c->matched = data[i] == mark[c->matched] ? c->matched + 1 : data[i] == 'd';
    if (c->matched == 7) {
      c->matched = 0;
      if (c->events < chunks) token(c, now);
    }
  }
}

static void body(conn_t *c, const char *data, size_t n, double now) {
  const char *wanted = streaming ? script : ANSWER;
  size_t size = streaming ? script_size : sizeof ANSWER - 1;
  if (c->same && (c->body_at + n > size || memcmp(wanted + c->body_at, data, n))) c->same = 0;
  c->body_at += n;
  if (!streaming) return;
  if (c->same)
    while (c->events < chunks && event_end[c->events] <= c->body_at) token(c, now);
  else
    scan(c, data, n, now);
}

static void answered(conn_t *c, double now) {
  size_t size = streaming ? script_size : sizeof ANSWER - 1;
  c->busy = 0;
  total.statuses[c->status < 600 ? c->status : 0]++;
  if (c->status != 200 || (streaming && c->events < chunks)) {
    total.errors++;
    return;
  }
  int same = c->same && c->body_at == size;
  if (paced) {
    total.done++;
    total.same += same;
    if (now < window_to) window_to = now;  // from here on fewer than all streams run
  } else if (counting || in_window(now)) {
    total.done++;
    total.same += same;
    if (!streaming) add(latency, &n_latency, now - c->sent);
  }
}

// Returns how much of `data` belongs to this answer; the rest would be an answer nobody asked for.
static size_t chunked_body(conn_t *c, const char *data, size_t n, double now) {
  size_t at = 0;
  while (at < n && c->busy) {
    if (c->chunk_state == 1) {
      size_t take = n - at < c->chunk_left ? n - at : c->chunk_left;
      body(c, data + at, take, now);
      at += take;
      c->chunk_left -= take;
      if (c->chunk_left == 0) c->chunk_state = 2;
      continue;
    }
    char byte = data[at++];
    if (c->chunk_state == 0) {
      if (byte == '\n') {
        c->chunk_state = c->chunk_left ? 1 : 3;
        c->trailer_line = 0;
      } else if (byte != '\r') {
        int digit = byte <= '9' ? byte - '0' : (byte | 32) - 'a' + 10;
        c->chunk_left = c->chunk_left * 16 + digit;
      }
    } else if (c->chunk_state == 2) {
      if (byte == '\n') c->chunk_state = 0;
    } else if (byte == '\n') {
      if (c->trailer_line == 0) answered(c, now);
      c->trailer_line = 0;
    } else if (byte != '\r') {
      c->trailer_line++;
    }
  }
  return at;
}

// Returns 0 where what comes is no answer.
static int received(conn_t *c, const char *data, size_t n, double now) {
  if (!c->busy) return 0;
  if (c->in_head) {
    size_t old = c->head_size, take = n < HEAD_MAX - old - 1 ? n : HEAD_MAX - old - 1;
    memcpy(c->head + old, data, take);
    c->head_size += take;
    c->head[c->head_size] = 0;
    char *end = strstr(c->head, "\r\n\r\n");
    if (!end) return c->head_size < HEAD_MAX - 1;
    size_t used = end + 4 - c->head - old;
    *end = 0;
    c->status = atoi(c->head + 9);
    char *found = strcasestr(c->head, "\r\ncontent-length:");
    c->length = found ? strtoul(found + 17, NULL, 10) : 0;
    c->chunked = strcasestr(c->head, "\r\ntransfer-encoding:") != NULL;
    c->in_head = 0;
    data += used;
    n -= used;
  }
  if (c->chunked) return chunked_body(c, data, n, now) == n;
  if (c->body_at + n > c->length) return 0;
  body(c, data, n, now);
  if (c->body_at == c->length) answered(c, now);
  return 1;
}

static void lost(conn_t *c) {
  if (c->busy) {
    total.errors++;
    c->busy = 0;
    total.statuses[0]++;
  } else {
    total.reconnects++;
  }
  connect_it(c);
}

static void readable(conn_t *c) {
  static char buffer[262144];
  ssize_t n = recv(c->fd, buffer, sizeof buffer, 0);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0 || !received(c, buffer, n, now_s())) lost(c);
}

static void prepare(const char *path, const char *key) {
  char *text = calloc(1, 1 << 20);
  FILE *file = fopen(path, "r");
  if (!file) exit(2);
  size_t size = fread(text, 1, (1 << 20) - 1, file);
  fclose(file);
  request = malloc(size + 1024);
  request_size = sprintf(request,
                         "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:%d\r\n"
                         "authorization: Bearer %s\r\ncontent-type: application/json\r\n"
                         "user-agent: rig\r\naccept: */*\r\ncontent-length: %zu\r\n\r\n",
                         port, key, size);
  memcpy(request + request_size, text, size);
  request_size += size;
  free(text);
  script = malloc((size_t)(chunks + 2) * EVENT_MAX);
  event_end = calloc(chunks + 2, sizeof *event_end);
  for (int i = 0; i < chunks + 2; i++) {
    script_size += event_at(script + script_size, i, chunks);
    event_end[i] = script_size;
  }
}

static void report(double cpu, double seconds) {
  printf("{\"done\":%lu,\"same\":%lu,\"errors\":%lu,\"reconnects\":%lu,\"tokens\":%lu,"
         "\"seconds\":%.4f,\"cpu_s\":%.3f",
         total.done, total.same, total.errors, total.reconnects, total.tokens, seconds, cpu);
  struct { const char *name; uint32_t *of; uint64_t n; } all[] = {
      {"latency", latency, n_latency}, {"itl", gaps, n_gaps}, {"ttft", firsts, n_firsts}};
  for (int i = 0; i < 3; i++)
    if (all[i].n)
      printf(",\"%s_p50_ms\":%.3f,\"%s_p99_ms\":%.3f", all[i].name,
             quantile(all[i].of, all[i].n, 0.5), all[i].name, quantile(all[i].of, all[i].n, 0.99));
  printf(",\"statuses\":{");
  int first = 1;
  for (int i = 0; i < 600; i++)
    if (total.statuses[i]) {
      printf("%s\"%d\":%d", first ? "" : ",", i, total.statuses[i]);
      first = 0;
    }
  printf("}}\n");
}

int main(int argc, char **argv) {
  if (argc < 8) return 2;
  paced = !strcmp(argv[1], "paced");
  counting = !strcmp(argv[1], "count");
  streaming = paced || !strcmp(argv[1], "streams");
  port = atoi(argv[2]);
  n_conns = atoi(argv[3]);
  double amount = atof(argv[4]);
  chunks = atoi(argv[7]);
  prepare(argv[5], argv[6]);
  for (int i = 8; i < argc && n_pids < 256; i++) pids[n_pids++] = atoi(argv[i]);
  latency = calloc(BUCKETS, sizeof *latency);
  gaps = calloc(BUCKETS, sizeof *gaps);
  firsts = calloc(BUCKETS, sizeof *firsts);
  epoll_fd = epoll_create1(0);
  conn_t *conns = calloc(n_conns, sizeof *conns);
  for (int i = 0; i < n_conns; i++) connect_it(&conns[i]);
  double begin = now_s(), end_at, cpu_from = cpu_of_pids(), cpu_to = -1;
  window_from = begin + (counting ? 0 : paced ? SPREAD_S + WARM_UP_S : WARM_UP_S);
  window_to = counting ? begin + 1e9 : window_from + amount;
  end_at = counting ? 1e18 : window_to + (paced ? GIVE_UP_S : 0);
  int warm = counting, waiting = n_conns;
  uint64_t asked = 0;
  for (int i = 0; i < n_conns; i++)
    conns[i].begin_at = paced ? begin + SPREAD_S * i / n_conns : begin;
  struct epoll_event got[512];
  for (double now = begin; now < end_at; now = now_s()) {
    for (int i = 0; waiting && i < n_conns; i++)
      if (!conns[i].started && conns[i].begin_at <= now) {
        waiting--;
        asked++;
        ask(&conns[i]);
      }
    int n = epoll_wait(epoll_fd, got, 512, waiting ? 1 : 5);
    for (int i = 0; i < n; i++) {
      conn_t *c = got[i].data.ptr;
      readable(c);
      if (c->busy || paced || !c->started) continue;
      if (counting && asked >= (uint64_t)amount) continue;
      asked++;
      ask(c);
    }
    now = now_s();
    if (!warm && now >= window_from) warm = 1, cpu_from = cpu_of_pids();
    if (warm && cpu_to < 0 && now >= window_to) cpu_to = cpu_of_pids();
    if (counting && total.done + total.errors >= (uint64_t)amount) break;
    if (paced && total.done + total.errors >= (uint64_t)n_conns) break;
  }
  if (counting) window_to = now_s();
  if (cpu_to < 0) cpu_to = cpu_of_pids();
  report(cpu_to - cpu_from, window_to - window_from);
  return 0;
}
