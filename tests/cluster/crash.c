/* A release that passes every check before the switch, but crashes on the host pi3 when the daemon starts. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char host[64] = "";
    gethostname(host, sizeof host - 1);
    if (argc > 1 && strcmp(argv[1], "run") == 0 && strcmp(host, "pi3") == 0)
        abort();
    execv("/trace/crash/carom", argv);
    return 127;
}
