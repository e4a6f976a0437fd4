import type { Live } from '../live.ts';
import type { Connection, State } from '../state.ts';
import { useSelected } from '../store.ts';
import type { Theme } from '../theme.ts';

export function Header({ live, theme, toggleTheme }: { live: Live; theme: Theme; toggleTheme: () => void }) {
  const other = theme === 'dark' ? 'light' : 'dark';
  return (
    <header class="top">
      <div class="brand">
        <Mark />
        <div>
          <h1>Tidemill</h1>
          <p>Notices when language drifts away from a text classifier, and trains, proves and swaps in a better one.</p>
        </div>
      </div>
      <div class="controls">
        <ModelChoice live={live} />
        <ConnectionState />
        <button type="button" class="button" onClick={toggleTheme} aria-label={`Use ${other} colours`}>
          <span aria-hidden="true">{theme === 'dark' ? '☀' : '☾'}</span> {other === 'dark' ? 'Dark' : 'Light'}
        </button>
      </div>
    </header>
  );
}

function ModelChoice({ live }: { live: Live }) {
  const models = useSelected((state) => state.models);
  const model = useSelected((state) => state.model);
  if (models === null || model === undefined) return null;
  if (models.length < 2) {
    return (
      <p class="model">
        Model <b>{model}</b>
      </p>
    );
  }
  return (
    <label class="model">
      Model{' '}
      <select value={model} onChange={(event) => live.look(event.currentTarget.value)}>
        {models.map((one) => (
          <option key={one.model} value={one.model}>
            {one.model}
          </option>
        ))}
      </select>
    </label>
  );
}

const connectionWords: Readonly<Record<Connection['phase'], string>> = {
  connecting: 'Connecting',
  live: 'Live',
  lost: 'Disconnected',
  token: 'Token needed',
};

function ConnectionState() {
  const { phase, reason } = useSelected((state) => state.connection);
  const blocked = useSelected(firstBlock);
  const degraded = phase === 'live' && blocked !== undefined;
  return (
    <p class={`connection ${degraded ? 'degraded' : phase}`} role="status" data-phase={phase}>
      <span class="dot" aria-hidden="true" />
      <b>{degraded ? 'Live, not ready' : connectionWords[phase]}</b>
      {phase === 'lost' ? <span class="why">{reason}; trying again</span> : null}
      {degraded ? <span class="why">{blocked}</span> : null}
    </p>
  );
}

function firstBlock({ status }: State): string | undefined {
  return status?.reasons[0];
}

function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <g fill="none" stroke="currentColor" stroke-linecap="round">
        <circle cx="16" cy="13" r="7.5" stroke-width="2.2" />
        <path d="M16 3.5v19M6.500 13h19M9.300 6.300l13.400 13.400M22.700 6.300 9.300 19.700" stroke-width="1.400" />
        <path
          d="M3 27c2.200-2.200 4.300-2.200 6.500 0s4.300 2.200 6.500 0 4.300-2.200 6.500 0 4.300 2.200 6.500 0"
          stroke-width="2.200"
        />
      </g>
    </svg>
  );
}
