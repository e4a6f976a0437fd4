/** There is no model yet. */
export function Welcome() {
  return (
    <section class="welcome" aria-labelledby="welcome-title">
      <h2 id="welcome-title">There is no model yet</h2>
      <p>
        A model is a text classifier with versions. Tidemill trains the first version from labelled lines, serves it,
        and from then on watches whether it still fits the texts. This page fills by itself.
      </p>
      <ol>
        <li>
          Stop it with Ctrl-C, and watch a real stream drift, with nothing to prepare:
          <pre tabIndex={0}>
            <code>npm start -- --stream somali</code>
          </pre>
        </li>
        <li>
          Or begin with your own lines <code>{'{"text", "label"}'}</code>:
          <pre tabIndex={0}>
            <code>npx tidemill models create reviews --train labelled.jsonl</code>
          </pre>
        </li>
      </ol>
    </section>
  );
}
