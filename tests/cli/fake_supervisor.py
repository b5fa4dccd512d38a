#!/usr/bin/env python3
"""A supervisor that only answers: listens on RUNTIME_DIR/control.sock and replies as a script (JSON on standard input) says.

The script maps a method's name to the list of messages that it is answered with. Instead of a message: "hang" (never answer),
"hang up" (close), "end" (exit), or a string that begins with "raw:" (these bytes). Each call is written to standard output as
a line of JSON, so that a test can look at what was asked.
"""
import json
import os
import socket
import sys
import threading

LISTENING = "listening"


def receive(connection, buffer):
    while b"\0" not in buffer:
        more = connection.recv(65536)
        if not more:
            return None, b""
        buffer += more
    message, _, rest = buffer.partition(b"\0")
    return json.loads(message), rest


def answer(connection, reply):
    """Whether the connection goes on."""
    if reply == "hang":
        return True
    if reply == "hang up":
        connection.close()
        return False
    if reply == "end":
        os._exit(0)
    data = reply[4:].encode() if isinstance(reply, str) else json.dumps(reply).encode() + b"\0"
    connection.sendall(data)
    return True


def serve(connection, script):
    buffer = b""
    while True:
        try:
            call, buffer = receive(connection, buffer)
        except OSError:
            return
        if call is None:
            return
        print(json.dumps(call), flush=True)
        method = call["method"].rpartition(".")[2]
        for reply in script.get(method, [{"error": "org.varlink.service.MethodNotFound", "parameters": {}}]):
            try:
                if not answer(connection, reply):
                    return
            except OSError:
                return


def main():
    runtime_dir = sys.argv[1]
    script = json.load(sys.stdin)
    os.chdir(runtime_dir)  # a name of any depth: sun_path is short
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind("control.sock")
    listener.listen()
    print(LISTENING, flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection, script), daemon=True).start()


main()
