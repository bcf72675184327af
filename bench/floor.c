/* A stub that does nothing, in C: the floor of transport and client.  See floor.py, which is the same. */
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PACKET_SIZE 0x40000

static char input[2 * PACKET_SIZE], memory_reply[2 * PACKET_SIZE + 16];
static size_t memory_length;
static char memory_key[32];
static int points, running;

static void say(int client, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t sent = write(client, text, length);
        if (sent <= 0)
            exit(1);
        text += sent;
        length -= sent;
    }
}

static void say_text(int client, const char *frame) { say(client, frame, strlen(frame)); }

/* m and x: bytes that need no escape, made once for each length asked for. */
static void memory(int client, const char *packet)
{
    char key[32];
    const char *size = strchr(packet, ',') + 1;
    snprintf(key, sizeof key, "%c%.*s", packet[0], (int)strcspn(size, "#"), size);
    if (strcmp(key, memory_key) != 0) {
        size_t length = strtoul(key + 1, NULL, 16), i;
        char *out = memory_reply;
        unsigned char sum = 0;
        if (length > PACKET_SIZE / 2)
            length = PACKET_SIZE / 2;
        *out++ = '$';
        if (key[0] == 'x')
            *out++ = 'b';
        else
            length *= 2;
        for (i = 0; i < length; i++)
            *out++ = "0123456789abcdef"[rand() & 15];
        for (char *c = memory_reply + 1; c < out; c++)
            sum += *c;
        out += sprintf(out, "#%02x", sum);
        memory_length = out - memory_reply;
        strcpy(memory_key, key);
    }
    say(client, memory_reply, memory_length);
}

static void reply(int client, const char *packet)
{
    if (packet[0] == 'm' || packet[0] == 'x') {
        memory(client, packet);
    } else if (strncmp(packet, "vCont;c", 7) == 0) {
        running = points == 0;
        if (!running)
            say_text(client, "$T05#b9");
    } else if (strncmp(packet, "vCont;s", 7) == 0) {
        say_text(client, "$T05#b9");
    } else if (packet[0] == 'Z' || packet[0] == 'z') {
        points += packet[0] == 'Z' ? 1 : -1;
        say_text(client, "$OK#9a");
    } else if (strncmp(packet, "qSupported", 10) == 0) {
        char offer[128];
        unsigned char sum = 0;
        int length = sprintf(offer, "$PacketSize=%x;QStartNoAckMode+;binary-upload+", PACKET_SIZE);
        for (int i = 1; i < length; i++)
            sum += offer[i];
        sprintf(offer + length, "#%02x", sum);
        say_text(client, offer);
    } else if (packet[0] == 'X' || packet[0] == 'Q') {
        say_text(client, "$OK#9a");
    } else {
        say_text(client, "$#00");
    }
}

/* As kvmgdb does: look for what comes for 0.2 ms, then sleep. */
static ssize_t receive(int client, char *to, size_t room)
{
    struct timespec start, now;
    ssize_t got;
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        got = recv(client, to, room, MSG_DONTWAIT);
        if (got >= 0 || errno != EAGAIN)
            return got;
        sched_yield();
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((now.tv_sec - start.tv_sec) * 1000000000L + now.tv_nsec - start.tv_nsec < 200000);
    return read(client, to, room);
}

static void serve(int client)
{
    size_t have = 0;
    ssize_t got;
    while ((got = receive(client, input + have, sizeof input - 1 - have)) > 0) {
        char *start = input;
        have += got;
        input[have] = 0;
        while (*start == '+')
            start++;
        if (running && *start == 3) {
            running = 0;
            say_text(client, "$T05#b9");
        } else if (*start == '$') {
            if (input + have - start < 4 || input[have - 3] != '#')
                continue;
            reply(client, start + 1);
        }
        have = 0;
    }
}

int main(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int one = 1, client, listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 1)
        || getsockname(listener, (struct sockaddr *)&address, &length))
        return 1;
    printf("listening on tcp:127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    client = accept(listener, NULL, NULL);
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    serve(client);
    return 0;
}
