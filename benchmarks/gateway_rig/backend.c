// A backend that costs next to nothing: one thread, epoll, OpenAI-shaped answers written in advance.
//
//   backend PORT
//
// GET /control/CHUNKS/RATE sets what streams are from now on: so many tokens, at so many a second
// each (0: at once). POST with `"stream":true` in its body is answered by a stream, each event an
// HTTP chunk and a send() of its own; any other POST by one JSON answer; any GET by JSON that tells
// routers of several kinds that this is a healthy server of one model.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "script.h"

#define MAX_FD 16384
#define SLOTS 4096         // of the timer wheel
#define SLOT_NS 500000LL   // half a millisecond each

typedef struct conn {
  int fd, streaming, index, chunks, waits_to_write, closing;
  double rate;
  int64_t first_tick;
  size_t have, room;
  char *in;
  size_t out_from, out_to, out_room;
  char *out;
  struct conn *next;  // in its slot of the wheel
  int in_wheel;
} conn_t;

static conn_t *conns[MAX_FD];
static conn_t *wheel[SLOTS];
static int epoll_fd, timer_fd, paced, set_chunks = 64;
static double set_rate;
static int64_t tick, base_ns;

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void watch(conn_t *c, int writing) {
  if (c->waits_to_write == writing) return;
  c->waits_to_write = writing;
  struct epoll_event e = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.fd = c->fd};
  epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &e);
}

static void forget(conn_t *c) {
  free(c->in);
  free(c->out);
  free(c);
}

static void drop(conn_t *c) {
  if (c->fd >= 0) {
    conns[c->fd] = NULL;
    close(c->fd);
    c->fd = -1;
  }
  if (c->streaming && c->rate > 0) paced--;
  c->streaming = 0;
  if (!c->in_wheel) forget(c);  // else when its slot comes round
}

// Returns 0 when the connection is lost.
static int flush(conn_t *c) {
  while (c->out_from < c->out_to) {
    ssize_t n = send(c->fd, c->out + c->out_from, c->out_to - c->out_from, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) break;
    if (n <= 0) return 0;
    c->out_from += n;
  }
  if (c->out_from == c->out_to) c->out_from = c->out_to = 0;
  watch(c, c->out_to > 0);
  return 1;
}

static int put(conn_t *c, const char *data, size_t size) {
  if (c->out_to == 0) {
    ssize_t n = send(c->fd, data, size, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) return 0;
    if (n == (ssize_t)size) return 1;
    if (n > 0) data += n, size -= n;
  }
  if (c->out_to + size > c->out_room) {
    c->out_room = (c->out_to + size) * 2;
    c->out = realloc(c->out, c->out_room);
  }
  memcpy(c->out + c->out_to, data, size);
  c->out_to += size;
  watch(c, 1);
  return 1;
}

// One event as an HTTP chunk; behind the last the end of the body.
static int put_event(conn_t *c) {
  char event[EVENT_MAX], framed[EVENT_MAX + 32];
  int size = event_at(event, c->index, c->chunks);
  int n = sprintf(framed, "%x\r\n", size);
  memcpy(framed + n, event, size);
  n += size;
  n += sprintf(framed + n, "\r\n");
  if (c->index == c->chunks + 1) n += sprintf(framed + n, "0\r\n\r\n");
  c->index++;
  return put(c, framed, n);
}

static int finished(conn_t *c) { return c->index == c->chunks + 2; }

static void end_stream(conn_t *c) {
  c->streaming = 0;
  if (c->rate > 0) paced--;
}

static void at_tick(conn_t *c, int64_t when) {
  if (when <= tick) when = tick + 1;
  c->next = wheel[when % SLOTS];
  wheel[when % SLOTS] = c;
  c->in_wheel = 1;
}

// At once, as long as the socket takes it.
static int pump(conn_t *c) {
  while (!finished(c) && c->out_to == 0)
    if (!put_event(c)) return 0;
  if (finished(c)) end_stream(c);
  return 1;
}

// The end comes with the last token, as engines send it.
static int paced_step(conn_t *c) {
  if (!put_event(c)) return 0;
  if (c->index >= c->chunks) {
    while (!finished(c))
      if (!put_event(c)) return 0;
    end_stream(c);
  } else {
    at_tick(c, c->first_tick + (int64_t)(c->index * 1e9 / c->rate / SLOT_NS));
  }
  return 1;
}

static const char STREAM_HEAD[] =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    "cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n";

static int start_stream(conn_t *c) {
  c->index = 0;
  c->chunks = set_chunks;
  c->rate = set_rate;
  c->streaming = 1;
  if (c->rate > 0) paced++;
  if (!put(c, STREAM_HEAD, sizeof STREAM_HEAD - 1)) return 0;
  if (c->rate == 0) return pump(c);
  c->first_tick = (now_ns() - base_ns) / SLOT_NS + 1;
  at_tick(c, c->first_tick);
  return 1;
}

static int put_json(conn_t *c, const char *body) {
  char whole[2048];
  int n = sprintf(whole,
                  "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n"
                  "\r\n%s",
                  strlen(body), body);
  return put(c, whole, n);
}

static int answer_get(conn_t *c, const char *path) {
  if (sscanf(path, "/control/%d/%lf", &set_chunks, &set_rate) == 2) return put_json(c, "{}");
  if (!strncmp(path, "/v1/models", 10))
    return put_json(c, "{\"object\":\"list\",\"data\":[{\"id\":\"" MODEL
                       "\",\"object\":\"model\",\"created\":1700000000,\"owned_by\":\"rig\","
                       "\"root\":\"" MODEL "\",\"max_model_len\":8192}]}");
  return put_json(c, "{\"status\":\"ok\",\"model_path\":\"" MODEL
                     "\",\"served_model_name\":\"" MODEL
                     "\",\"is_generation\":true,\"tokenizer_path\":\"\"}");
}

// Takes one whole request off the front. Returns its size, 0 for none yet, -1 for a lost connection.
static long take(conn_t *c) {
  char *end = memmem(c->in, c->have, "\r\n\r\n", 4);
  if (!end) return 0;
  size_t head = end + 4 - c->in, body = 0;
  for (char *line = memmem(c->in, head, "\r\n", 2); line && line < end;
       line = memmem(line + 2, end + 2 - line - 2, "\r\n", 2)) {
    if (!strncasecmp(line + 2, "content-length:", 15)) body = strtoul(line + 17, NULL, 10);
    if (!strncasecmp(line + 2, "transfer-encoding:", 18)) return -1;  // no gateway needs it here
  }
  if (c->have < head + body) return 0;
  char kept = c->in[head + body];
  c->in[head + body] = 0;
  int alive;
  if (!strncmp(c->in, "GET ", 4))
    alive = answer_get(c, c->in + 4);
  else if (strstr(c->in + head, "\"stream\":true") || strstr(c->in + head, "\"stream\": true"))
    alive = start_stream(c);
  else
    alive = put_json(c, ANSWER);
  c->in[head + body] = kept;
  return alive ? (long)(head + body) : -1;
}

static int serve_buffered(conn_t *c) {
  while (!c->streaming && c->have) {
    long used = take(c);
    if (used < 0) return 0;
    if (used == 0) break;
    memmove(c->in, c->in + used, c->have - used);
    c->have -= used;
  }
  return 1;
}

static int readable(conn_t *c) {
  for (;;) {
    if (c->have + 1 >= c->room) {
      c->room = c->room ? c->room * 2 : 8192;
      c->in = realloc(c->in, c->room);
    }
    size_t wanted = c->room - c->have - 1;
    ssize_t n = recv(c->fd, c->in + c->have, wanted, 0);
    if (n == 0) return 0;
    if (n < 0) return errno == EAGAIN;
    c->have += n;
    if (!serve_buffered(c)) return 0;
    if ((size_t)n < wanted) return 1;
  }
}

static void accept_all(int listener) {
  int fd;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
    if (fd >= MAX_FD) {
      close(fd);
      continue;
    }
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    conn_t *c = calloc(1, sizeof *c);
    c->fd = fd;
    conns[fd] = c;
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e);
  }
}

static void run_wheel(void) {
  int64_t target = (now_ns() - base_ns) / SLOT_NS;
  while (tick < target) {
    tick++;
    conn_t *c = wheel[tick % SLOTS];
    wheel[tick % SLOTS] = NULL;
    while (c) {
      conn_t *next = c->next;
      c->in_wheel = 0;
      if (c->fd < 0)
        forget(c);
      else if (c->streaming && !(paced_step(c) && serve_buffered(c)))
        drop(c);
      c = next;
    }
  }
}

static int listen_at(int port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 4096)) {
    perror("backend");
    exit(1);
  }
  return fd;
}

static void event(int fd, uint32_t events) {
  conn_t *c = conns[fd];
  if (!c) return;
  int alive = !(events & (EPOLLERR | EPOLLHUP));
  if (alive && (events & EPOLLOUT)) {
    alive = flush(c);
    if (alive && c->streaming && c->rate == 0 && c->out_to == 0) alive = pump(c);
    if (alive) alive = serve_buffered(c);
  }
  if (alive && (events & EPOLLIN)) alive = readable(c);
  if (!alive) drop(c);
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  signal(SIGPIPE, SIG_IGN);
  epoll_fd = epoll_create1(0);
  timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  int listener = listen_at(atoi(argv[1])), ticking = 0;
  base_ns = now_ns();
  struct epoll_event e = {.events = EPOLLIN, .data.fd = listener}, got[512];
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &e);
  e.data.fd = timer_fd;
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, timer_fd, &e);
  for (;;) {
    int n = epoll_wait(epoll_fd, got, 512, -1);
    if (paced == 0) tick = (now_ns() - base_ns) / SLOT_NS;  // nothing is due: no need to walk there
    for (int i = 0; i < n; i++) {
      uint64_t times;
      if (got[i].data.fd == listener)
        accept_all(listener);
      else if (got[i].data.fd == timer_fd)
        while (read(timer_fd, &times, sizeof times) > 0) continue;
      else
        event(got[i].data.fd, got[i].events);
    }
    if (paced > 0 || ticking) run_wheel();
    if (ticking != (paced > 0)) {
      ticking = paced > 0;
      struct itimerspec every = {{0, ticking ? SLOT_NS : 0}, {0, ticking ? SLOT_NS : 0}};
      timerfd_settime(timer_fd, 0, &every, NULL);
    }
  }
}
