import { Audit } from './panels/audit.tsx';
import { ThemeContext } from './parts/chart.tsx';
import { DeadLetters } from './panels/dead-letters.tsx';
import { Decisions } from './panels/decisions.tsx';
import { DriftCard } from './panels/drift-card.tsx';
import { Header } from './panels/header.tsx';
import type { Live } from './live.ts';
import { Loop } from './panels/loop.tsx';
import { News } from './panels/news.tsx';
import { Quality } from './panels/quality.tsx';
import { Retraining } from './panels/retraining.tsx';
import { type Store, StoreContext, useSelected } from './store.ts';
import { Throughput } from './panels/throughput.tsx';
import { TokenForm } from './panels/token-form.tsx';
import { useTheme } from './theme.ts';
import { Versions } from './panels/versions.tsx';
import { Welcome } from './panels/welcome.tsx';

export function App({ store, live }: { store: Store; live: Live }) {
  const [theme, toggleTheme] = useTheme();
  return (
    <StoreContext.Provider value={store}>
      <ThemeContext.Provider value={theme}>
        <a class="skip" href="#main">
          Skip to the content
        </a>
        <Header live={live} theme={theme} toggleTheme={toggleTheme} />
        <main id="main" tabIndex={-1}>
          <Body live={live} />
        </main>
        <footer>
          <p>
            Everything here is also in the <a href="./docs">API</a>, in SQL (<code>npx tidemill sql</code>) and in
            Prometheus (<a href="./metrics">metrics</a>). Windows are in event time, UTC; everything else on your clock.
          </p>
        </footer>
        <News />
      </ThemeContext.Provider>
    </StoreContext.Provider>
  );
}

function Body({ live }: { live: Live }) {
  const phase = useSelected(({ connection }) => connection.phase);
  const none = useSelected(({ models }) => models?.length === 0);
  if (phase === 'token') return <TokenForm live={live} />;
  return (
    <>
      {none ? <Welcome /> : null}
      <div class={phase === 'live' ? '' : 'stale'}>
        <Loop />
        <div class="panels">
          <Quality />
          <DriftCard />
          <div class="stack">
            <Retraining />
            <Versions />
          </div>
          <Throughput />
          <Decisions />
          <Audit />
          <DeadLetters />
        </div>
      </div>
    </>
  );
}
