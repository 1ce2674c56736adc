// Does with model files what the worker does with them (`crates/worker/src/llama`), each in a process of
// its own that may crash: loads it, asks its vocabulary, makes a context, computes some tokens, keeps
// and restores them. Once as a model is loaded at first and once as it is loaded for faster weights.
//
// Reads paths, a line each. Answers each with a line: how the process ended. What the process wrote to
// stderr, reports of sanitizers first of all, is in a file beside the model, with `.log` at its end.

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "llama.h"

namespace {

// A small model takes a tenth of it, sanitized and on a machine that is busy.
constexpr rlim_t COMPUTING_SECONDS = 10;
// On a machine that is busy with other things.
constexpr int WAITING_SECONDS = 120;
// A small model takes a tenth of it. A file that takes more is reported by what the host estimates.
constexpr long MEMORY_MIB = 3000;
constexpr long LOOK_EVERY_NANOSECONDS = 100 * 1000 * 1000;

constexpr uint32_t WINDOW = 128;
constexpr uint32_t BATCH = 32;
constexpr uint32_t SEQUENCES = 4;
constexpr uint32_t OUTPUTS = 4;

// How a process ends that has not crashed.
enum Ended { RAN = 0, REFUSED = 2, NO_CONTEXT = 3, NOT_COMPUTED = 4 };

// Control tokens of all families, words, bytes that are not text, and white space.
const char * const TEXTS[] = {
    "hello hell <|im_start|>user\n<s>[INST] <|begin_of_text|>\xc3\xa9 12345 \t\n\n  it's",
    "\xe2\x96\x81hello\xe2\x96\x81 \xff\xfe\xf0\x9f\x98\x80 \xe6\xbc\xa2\xe5\xad\x97 </s> <0x0A> <unused1>",
    "", " ", "h",
};

struct Way {
    bool mapped;
    bool repacked;
    bool small_cache;
};

std::vector<llama_token> tokenized(const llama_vocab * vocab, const char * text, bool special) {
    const int32_t length = (int32_t) strlen(text);
    std::vector<llama_token> tokens(length + 8);
    int32_t count = llama_tokenize(vocab, text, length, tokens.data(), tokens.size(), false, special);
    if (count < 0 && count != INT32_MIN) {
        tokens.resize(-count);
        count = llama_tokenize(vocab, text, length, tokens.data(), tokens.size(), false, special);
    }
    tokens.resize(std::max(count, 0));
    return tokens;
}

void ask(const llama_vocab * vocab, llama_token token) {
    if (token < 0 || token >= llama_vocab_n_tokens(vocab)) {
        return;
    }
    std::vector<char> piece(64);
    const int32_t size = llama_token_to_piece(vocab, token, piece.data(), piece.size(), 0, false);
    if (size < 0) {
        piece.resize(-size);
        llama_token_to_piece(vocab, token, piece.data(), piece.size(), 0, false);
    }
    const char * text = llama_vocab_get_text(vocab, token);
    const std::string copy(text ? text : "");
    llama_vocab_is_eog(vocab, token);
    llama_vocab_is_control(vocab, token);
}

// What is asked of a vocabulary; the tokens to go on from.
std::vector<llama_token> ask(const llama_model * model, const llama_vocab * vocab) {
    llama_model_n_ctx_train(model);
    llama_model_has_decoder(model);
    llama_model_has_encoder(model);
    llama_model_is_recurrent(model);
    llama_model_is_hybrid(model);
    llama_vocab_type(vocab);
    llama_vocab_get_add_bos(vocab);
    const char * chat = llama_model_chat_template(model, nullptr);
    const std::string copy(chat ? chat : "");
    ask(vocab, llama_vocab_bos(vocab));
    ask(vocab, llama_vocab_eos(vocab));
    const int32_t all = llama_vocab_n_tokens(vocab);
    for (llama_token token = 0; token < std::min(all, 2000); token++) {
        ask(vocab, token);
    }
    std::vector<llama_token> found;
    for (const char * text : TEXTS) {
        for (const bool special : { false, true }) {
            for (const llama_token token : tokenized(vocab, text, special)) {
                found.push_back(token);
            }
        }
    }
    found.push_back(0);
    found.push_back(all - 1);
    return found;
}

// Computes tokens behind those that a sequence has, and returns the likeliest next one, or -1.
llama_token compute(llama_context * context, llama_seq_id sequence, int32_t filled,
                    std::vector<llama_token> tokens) {
    const int32_t count = (int32_t) tokens.size();
    std::vector<llama_pos> positions(count);
    std::vector<int32_t> counts(count, 1);
    std::vector<llama_seq_id *> sequences(count, &sequence);
    std::vector<int8_t> outputs(count, 0);
    for (int32_t at = 0; at < count; at++) {
        positions[at] = filled + at;
        outputs[at] = at >= count - (int32_t) OUTPUTS;
    }
    const llama_batch batch = { count, tokens.data(), nullptr, positions.data(), counts.data(),
                                sequences.data(), outputs.data() };
    if (llama_decode(context, batch) != 0) {
        return -1;
    }
    const int32_t all = llama_vocab_n_tokens(llama_model_get_vocab(llama_get_model(context)));
    llama_token best = 0;
    for (int32_t row = -1; row >= -std::min(count, (int32_t) OUTPUTS); row--) {
        const float * logits = llama_get_logits_ith(context, row);
        if (!logits) {
            return -1;
        }
        best = (llama_token) (std::max_element(logits, logits + all) - logits);
    }
    return best;
}

Ended run(const llama_model * model, llama_context * context, const std::vector<llama_token> & prompt) {
    const bool flexible = !llama_model_is_recurrent(model) && !llama_model_is_hybrid(model);
    llama_memory_t memory = llama_get_memory(context);
    const int32_t most = std::min((int32_t) llama_n_ctx(context), (int32_t) WINDOW) - 8;
    const int32_t step = std::max(1, std::min((int32_t) llama_n_batch(context), (int32_t) BATCH));
    int32_t filled = 0;
    llama_token next = 0;
    while (filled < std::min((int32_t) prompt.size(), most)) {
        const int32_t end = std::min({ filled + step, (int32_t) prompt.size(), most });
        next = compute(context, 0, filled, { prompt.begin() + filled, prompt.begin() + end });
        if (next < 0) {
            return NOT_COMPUTED;
        }
        filled = end;
    }
    for (int32_t written = 0; written < 3; written++) {
        next = compute(context, 0, filled++, { next });
        if (next < 0) {
            return NOT_COMPUTED;
        }
    }
    if (flexible) {
        llama_memory_seq_rm(memory, 0, filled - 2, -1);
        llama_memory_seq_cp(memory, 0, 3, 0, filled - 4);
    }
    const llama_seq_id kept = flexible ? 3 : 0;
    std::vector<uint8_t> state(llama_state_seq_get_size(context, kept));
    state.resize(llama_state_seq_get_data(context, state.data(), state.size(), kept));
    llama_memory_seq_rm(memory, kept, -1, -1);
    if (llama_state_seq_set_data(context, state.data(), state.size(), 1) > 0) {
        compute(context, 1, llama_memory_seq_pos_max(memory, 1) + 1, { next });
    }
    llama_memory_clear(memory, false);
    return RAN;
}

Ended load(const char * path, const Way & way) {
    FILE * file = fopen(path, "rb");
    if (!file) {
        return REFUSED;
    }
    llama_model_params params = llama_model_default_params();
    params.n_gpu_layers = 0;
    // Mapped, as it is by default, where what llama.cpp chooses does so.
    params.load_mode = way.mapped ? params.load_mode : LLAMA_LOAD_MODE_NONE;
    params.use_extra_bufts = way.repacked;
    llama_model * model = llama_model_load_from_file_ptr(file, params);
    fclose(file);
    if (!model) {
        return REFUSED;
    }
    const llama_vocab * vocab = llama_model_get_vocab(model);
    if (llama_vocab_type(vocab) == LLAMA_VOCAB_TYPE_NONE || llama_vocab_n_tokens(vocab) <= 0 ||
        !llama_model_has_decoder(model) || llama_model_has_encoder(model)) {
        return REFUSED;
    }
    const std::vector<llama_token> prompt = ask(model, vocab);
    llama_context_params wanted = llama_context_default_params();
    const int32_t trained = llama_model_n_ctx_train(model);
    wanted.n_ctx = trained > 0 ? std::min((uint32_t) trained, WINDOW) : WINDOW;
    wanted.n_batch = wanted.n_ubatch = std::min(BATCH, wanted.n_ctx);
    wanted.n_seq_max = SEQUENCES;
    wanted.kv_unified = true;
    wanted.n_outputs_max = std::max(OUTPUTS, SEQUENCES);
    wanted.n_threads = wanted.n_threads_batch = 1;
    wanted.flash_attn_type =
        way.small_cache ? LLAMA_FLASH_ATTN_TYPE_ENABLED : LLAMA_FLASH_ATTN_TYPE_DISABLED;
    wanted.type_k = wanted.type_v = way.small_cache ? GGML_TYPE_Q8_0 : GGML_TYPE_F16;
    llama_context * context = llama_init_from_model(model, wanted);
    if (!context && way.small_cache) {
        // Not all models can have one, which says nothing of the file.
        wanted.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_AUTO;
        wanted.type_k = wanted.type_v = GGML_TYPE_F16;
        context = llama_init_from_model(model, wanted);
    }
    Ended ended = NO_CONTEXT;
    if (context) {
        ended = run(model, context, prompt);
        llama_free(context);
    }
    llama_model_free(model);
    return ended;
}

// What a process does: weights in memory of their own first, where a wrong address is seen best.
int child(const char * path) {
    const Way ways[] = { { false, false, false }, { true, true, true } };
    Ended ended = RAN;
    for (const Way & way : ways) {
        const Ended one = load(path, way);
        ended = ended == RAN ? one : ended;
        if (one == REFUSED) {
            break;
        }
    }
    return ended;
}

// Only what went wrong, for whoever reads why a file was refused.
void on_log(ggml_log_level level, const char * text, void *) {
    if (level == GGML_LOG_LEVEL_ERROR) {
        fputs(text, stderr);
    }
}

long resident_mib(pid_t process) {
    char name[64];
    snprintf(name, sizeof name, "/proc/%d/statm", process);
    FILE * file = fopen(name, "r");
    long size = 0, resident = 0;
    if (file) {
        if (fscanf(file, "%ld %ld", &size, &resident) != 2) {
            resident = 0;
        }
        fclose(file);
    }
    return resident / 256;
}

// Waits for the process, and ends one that takes too much.
std::string watched(pid_t process, const sigset_t & ends) {
    const time_t begun = time(nullptr);
    const timespec a_while = { 0, LOOK_EVERY_NANOSECONDS };
    const char * why = nullptr;
    int status = 0;
    while (waitpid(process, &status, WNOHANG) == 0) {
        sigtimedwait(&ends, nullptr, &a_while);
        if (resident_mib(process) > MEMORY_MIB) {
            why = "memory";
        } else if (time(nullptr) - begun > WAITING_SECONDS) {
            why = "time";
        }
        if (why) {
            kill(process, SIGKILL);
        }
    }
    if (why) {
        return why;
    }
    if (WIFSIGNALED(status)) {
        return WTERMSIG(status) == SIGXCPU ? "time" : "signal " + std::to_string(WTERMSIG(status));
    }
    return "exit " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

int main() {
    llama_log_set(on_log, nullptr);
    llama_backend_init();
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGCHLD);
    sigprocmask(SIG_BLOCK, &ends, nullptr);
    char path[4096];
    while (fgets(path, sizeof path, stdin)) {
        path[strcspn(path, "\n")] = 0;
        fflush(stdout);
        const pid_t process = fork();
        if (process == 0) {
            const rlimit computing = { COMPUTING_SECONDS, COMPUTING_SECONDS + 1 };
            setrlimit(RLIMIT_CPU, &computing);
            const rlimit no_core = { 0, 0 };
            setrlimit(RLIMIT_CORE, &no_core);
            const int log = open((std::string(path) + ".log").c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
            if (log < 0 || dup2(log, STDERR_FILENO) < 0) {
                return 1;
            }
            // Not what the parent would still do at its end.
            _exit(child(path));
        }
        printf("%s\n", process < 0 ? "no process" : watched(process, ends).c_str());
        fflush(stdout);
    }
    return 0;
}
