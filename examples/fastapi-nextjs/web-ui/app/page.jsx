export const dynamic = "force-dynamic";

async function loadNotes() {
  const answer = await fetch(`${process.env.BACKEND_URL}/notes`, { cache: "no-store" });
  if (!answer.ok) throw new Error(`the backend answered ${answer.status}`);
  return answer.json();
}

export default async function Page() {
  const notes = await loadNotes();
  return (
    <main>
      <h1>Notes</h1>
      {notes.length === 0 ? <p>None yet.</p> : <ul>{notes.map((n) => <li key={n.id}>{n.text}</li>)}</ul>}
    </main>
  );
}
