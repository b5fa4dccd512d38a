/* What a program of somebody else's is: built with `pkg-config upkeep` against an installed libupkeep. */
#include <stdio.h>
#include <string.h>
#include <upkeep/client.h>

int main(void) {
    struct upkeep_client *client = NULL;
    int status = upkeep_client_connect("/nowhere", &client);
    printf("%s\n", strerror(-status));
    upkeep_client_free(client);
    return 0;
}
