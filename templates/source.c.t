%/* NAME.c: where tensors lie in the workspace, what a status means, and both parts of a run (codegen/source.c, run.c). */
%
%void template_restrict(Text *text, const char *upper)
%{
#if defined(__GNUC__) || defined(_MSC_VER)
#define ${upper}RESTRICT __restrict
#else
#define ${upper}RESTRICT
#endif

%}
%
%void template_place(Text *text, const char *prefix)
%{
/* Takes `bytes` at *end and moves *end to the next cache line; to SIZE_MAX if that is too much. */
static size_t ${prefix}place(size_t *end, int64_t bytes)
{
    const size_t at = *end;
    if (at == SIZE_MAX || bytes < 0 || (uint64_t)bytes > SIZE_MAX / 2 - at)
        *end = SIZE_MAX;
    else
        *end = (at + (size_t)bytes + 63) & ~(size_t)63;
    return at;
}

%}
%
%void template_layout(Text *text, const Layout *l)
%{
struct ${l->part}_places {
%   text_wrapped(text, l->members, 4);
};

static struct ${l->part}_places ${l->part}_layout(${l->parameters})
{
    struct ${l->part}_places at;
    size_t end = ${l->begin};
%   for (int i = 0; i < l->nslot; i++) {
    at.${l->slot[i].name} = ${l->prefix}place(&end, ${l->slot[i].bytes});
%   }
    at.end = end;
%   for (int i = 0; i < l->nsize; i++) {
    (void)${l->size[i]};
%   }
    return at;
}

%}
%
%void template_no_bytes(Text *text, const ByteCount *b)
%{
%   text_string(text, b->prototype);
{
%   for (int i = 0; i < b->nsize; i++) {
    (void)${b->size[i]};
%   }
    return ${b->begin};
}

%}
%
%void template_bytes(Text *text, const ByteCount *b)
%{
%   text_string(text, b->prototype);
{
%   for (int i = 0; i < b->nsize; i++) {
    if (${b->size[i]} < 0 || ${b->size[i]} > ${b->most})
        return SIZE_MAX;
%   }
%   if (b->graph) {
    const size_t graph = ${b->graph}_layout(${b->arguments}).end, rest = ${b->part}_layout(${b->arguments}).end;
    return graph > SIZE_MAX / 2 || rest > SIZE_MAX / 2 ? SIZE_MAX : graph + rest;
%   } else {
    return ${b->part}_layout(${b->arguments}).end;
%   }
}

%}
%
%void template_status_text(Text *text, const char *prefix, const char *upper, const StatusText *status, int count)
%{
const char *${prefix}status_text(enum ${prefix}status status)
{
    switch (status) {
%   for (int i = 0; i < count; i++) {
    case ${upper}${status[i].name}:
        return "${status[i].text}";
%   }
    }
    return "unknown status";
}

%}
%
%/* For CUDA the workspace's own part, with the fault, comes first; else the graph. */
%void template_both(Text *text, const Both *b)
%{
%   text_string(text, b->prototype);
{
    const size_t bytes = ${b->graph_bytes};
%   if (b->workspace_bytes) {
    const size_t all = ${b->workspace_bytes};
    void *graph = (char *)workspace + (all == SIZE_MAX ? 0 : all - bytes);
    if (all == SIZE_MAX)
%   } else {
    void *graph = workspace;
    if (bytes == SIZE_MAX)
%   }
        return ${b->upper}BAD_SIZE;
%   text_wrapped(text, b->call_graph, 8);
    if (status != ${b->upper}OK)
        return status;
%   if (!b->workspace_bytes) {
    workspace = (char *)workspace + bytes;
%   }
%   text_wrapped(text, b->call_run, 8);
}
%}
