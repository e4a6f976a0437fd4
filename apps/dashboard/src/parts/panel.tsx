import type { ComponentChildren } from 'preact';

interface PanelProps {
  /** Also the anchor. */
  id: string;
  title: string;
  /** One sentence for who sees this for the first time. */
  about: string;
  /** Beside the title. */
  aside?: ComponentChildren;
  children: ComponentChildren;
}

export function Panel({ id, title, about, aside, children }: PanelProps) {
  return (
    <section class="panel" id={id} aria-labelledby={`${id}-title`}>
      <header class="panel-head">
        <h2 id={`${id}-title`}>{title}</h2>
        {aside}
      </header>
      <p class="about">{about}</p>
      {children}
    </section>
  );
}

/** What to do while there is nothing to see. */
export function Empty({ children, command }: { children: ComponentChildren; command?: string }) {
  return (
    <div class="empty">
      <p>{children}</p>
      {command === undefined ? null : (
        <pre tabIndex={0} aria-label="command">
          <code>{command}</code>
        </pre>
      )}
    </div>
  );
}
