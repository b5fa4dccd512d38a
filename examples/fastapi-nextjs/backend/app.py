"""Notes in SQLite behind FastAPI: enough to see a start, requests, a restart and a clean stop."""

import asyncio
import os
import sqlite3
from pathlib import Path

from fastapi import FastAPI, HTTPException, Response, WebSocket, WebSocketDisconnect

# The endpoints are async so that they run in one thread: the one database connection has one user at a time.
app = FastAPI()


def database():
    path = Path(__file__).parent.parent / os.environ["SQLITE_PATH"]
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
    return connection


@app.on_event("startup")
def startup():
    if not os.environ.get("ANTHROPIC_API_KEY"):
        raise RuntimeError("ANTHROPIC_API_KEY is not set")
    app.state.database = database()


@app.on_event("shutdown")
def shutdown():
    # The write-ahead log goes back into the database file, so that a copy of that one file is whole.
    app.state.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    app.state.database.close()


@app.get("/health")
async def health():
    app.state.database.execute("SELECT 1").fetchone()
    return {"status": "ok"}


@app.get("/notes")
async def notes():
    rows = app.state.database.execute("SELECT id, text FROM notes ORDER BY id").fetchall()
    return [{"id": row[0], "text": row[1]} for row in rows]


@app.post("/notes")
async def add(text: str):
    if not text.strip():
        raise HTTPException(422, "an empty note")
    with app.state.database:
        cursor = app.state.database.execute("INSERT INTO notes (text) VALUES (?)", (text,))
    return {"id": cursor.lastrowid}


@app.get("/slow")
async def slow(seconds: float = 2.0):
    """Takes its time, to see that a stop lets it finish."""
    await asyncio.sleep(min(seconds, 30.0))
    return {"waited": seconds}


@app.websocket("/ws")
async def echo(socket: WebSocket):
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        pass


@app.get("/ws")
async def echo_without_upgrade():
    """Says to a plain request what is missing, so that a deployment can verify that this server knows WebSockets."""
    return Response("this is a WebSocket", status_code=426, headers={"Upgrade": "websocket"})
