// seccomp_run EPERM|ENOSYS SYSCALL[,SYSCALL...] -- COMMAND...: runs a command for which a seccomp filter answers these
// system calls with that error, as the default profiles of container engines do. The tests use it where only a real
// refusal will do.
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct named_call {
    std::string_view name;
    unsigned number;
};

constexpr named_call calls[] = {
    {"io_uring_setup", SYS_io_uring_setup},
    {"io_uring_enter", SYS_io_uring_enter},
    {"io_uring_register", SYS_io_uring_register},
    {"io_setup", SYS_io_setup},
    {"io_submit", SYS_io_submit},
    {"epoll_create1", SYS_epoll_create1},
    {"epoll_pwait2", SYS_epoll_pwait2},
    {"poll", SYS_poll},
    {"ppoll", SYS_ppoll},
    {"pselect6", SYS_pselect6},
};

[[noreturn]] void refuse(const std::string& what) {
    std::fprintf(stderr, "seccomp_run: %s; usage: seccomp_run EPERM|ENOSYS SYSCALL[,SYSCALL...] -- COMMAND...\n",
                 what.c_str());
    std::_Exit(2);
}

unsigned error_number(std::string_view name) {
    if (name == "EPERM") return EPERM;
    if (name == "ENOSYS") return ENOSYS;
    refuse("unknown error '" + std::string(name) + "'");
}

std::vector<unsigned> call_numbers(const char* list) {
    std::vector<unsigned> numbers;
    std::istringstream names(list);
    for (std::string name; std::getline(names, name, ',');) {
        const std::size_t before = numbers.size();
        for (const named_call& call : calls) {
            if (call.name == name) numbers.push_back(call.number);
        }
        if (numbers.size() == before) refuse("unknown system call '" + name + "'");
    }
    return numbers;
}

/// A comparison per call; the first that matches answers with the error, and all others are allowed.
std::vector<::sock_filter> filter_of(const std::vector<unsigned>& numbers, unsigned error) {
    std::vector<::sock_filter> program{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(::seccomp_data, nr))};
    for (const unsigned number : numbers) {
        program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1));
        program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error));
    }
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    return program;
}

}  // namespace

int main(int count, char** values) {
    if (count < 5 || std::strcmp(values[3], "--") != 0) refuse("too few arguments");
    std::vector<::sock_filter> program = filter_of(call_numbers(values[2]), error_number(values[1]));
    const ::sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
        std::perror("seccomp_run: this kernel takes no filter");
        return 77;
    }
    ::execvp(values[4], values + 4);
    std::perror(values[4]);
    return 127;
}
