// What the backend answers, and so what the load generator has to see: both are built with this.
#ifndef SCRIPT_H
#define SCRIPT_H

#include <stdio.h>
#include <string.h>
#include <time.h>

#define MODEL "bench"
#define EVENT_MAX 512

static const char ANSWER[] =
    "{\"id\":\"chatcmpl-0000000001\",\"object\":\"chat.completion\",\"created\":1700000000,"
    "\"model\":\"" MODEL "\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
    "\"content\":\"The bridge was built of stone in the year of the great flood, and it still "
    "stands.\"},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":96,"
    "\"completion_tokens\":19,\"total_tokens\":115},\"system_fingerprint\":\"rig\"}";

// Event number `index` of a stream of `chunks` tokens: the tokens, the end with usage, [DONE].
static inline int event_at(char *into, int index, int chunks) {
  if (index < chunks)
    return sprintf(into,
                   "data: {\"id\":\"chatcmpl-0000000001\",\"object\":\"chat.completion.chunk\","
                   "\"created\":1700000000,\"model\":\"" MODEL "\",\"choices\":[{\"index\":0,"
                   "\"delta\":{\"content\":\" w%05d\"},\"finish_reason\":null}]}\n\n",
                   index);
  if (index == chunks)
    return sprintf(into,
                   "data: {\"id\":\"chatcmpl-0000000001\",\"object\":\"chat.completion.chunk\","
                   "\"created\":1700000000,\"model\":\"" MODEL "\",\"choices\":[{\"index\":0,"
                   "\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":96,"
                   "\"completion_tokens\":%d,\"total_tokens\":%d}}\n\n",
                   chunks, chunks + 96);
  return sprintf(into, "data: [DONE]\n\n");
}

static inline double now_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

#endif
