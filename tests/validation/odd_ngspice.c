/* A libngspice that hands everything to the real one, but is old, hangs or dies, as ODD_NGSPICE says. */
#include <dlfcn.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int (*printer)(char *, int, void *);
static printer prints;
static void *user;

static int is(const char *what) { const char *odd = getenv("ODD_NGSPICE"); return odd && strcmp(odd, what) == 0; }

static void *real(const char *name) {
    static void *library;
    if (!library) library = dlopen(getenv("REAL_NGSPICE"), RTLD_NOW | RTLD_GLOBAL);
    if (!library) { fprintf(stderr, "%s\n", dlerror()); _exit(9); }
    return dlsym(library, name);
}

int ngSpice_Init(printer say, void *stat, void *leave, void *data, void *init, void *background, void *whom) {
    prints = say;
    user = whom;
    if (is("hangs at start")) for (;;) pause();
    if (is("dies at start")) raise(SIGSEGV);
    return ((int (*)(void *, void *, void *, void *, void *, void *, void *))real("ngSpice_Init"))(say, stat, leave, data, init, background, whom);
}

int ngSpice_Command(char *command) {
    if (command && strcmp(command, "version -f") == 0 && (is("old") || is("nameless"))) {
        if (is("old")) prints("stdout ** ngspice-26 : Circuit level simulation program", 0, user);
        return 0;
    }
    if (command && strncmp(command, "dc ", 3) == 0) {
        if (is("hangs")) for (;;) pause();
        if (is("dies")) raise(SIGKILL);
    }
    return ((int (*)(char *))real("ngSpice_Command"))(command);
}

int ngSpice_Init_Sync(void *volts, void *amps, void *sync, int *ident, void *whom) {
    return ((int (*)(void *, void *, void *, int *, void *))real("ngSpice_Init_Sync"))(volts, amps, sync, ident, whom);
}
int ngSpice_Circ(char **lines) { return ((int (*)(char **))real("ngSpice_Circ"))(lines); }
void *ngGet_Vec_Info(char *name) { return ((void *(*)(char *))real("ngGet_Vec_Info"))(name); }
char *ngSpice_CurPlot(void) { return ((char *(*)(void))real("ngSpice_CurPlot"))(); }
char **ngSpice_AllPlots(void) { return ((char **(*)(void))real("ngSpice_AllPlots"))(); }
char **ngSpice_AllVecs(char *plot) { return ((char **(*)(char *))real("ngSpice_AllVecs"))(plot); }
bool ngSpice_running(void) { return ((bool (*)(void))real("ngSpice_running"))(); }
bool ngSpice_SetBkpt(double time) { return ((bool (*)(double))real("ngSpice_SetBkpt"))(time); }
