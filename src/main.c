/* The upkeep command: joins the command line with what it can run in its own process. */
int main(void) {
    return 0;
}
