import { render } from 'preact';
import { App } from './app.tsx';
import { goLive } from './live.ts';
import { createStore } from './store.ts';
import { applyTheme, chosenTheme } from './theme.ts';
import './styles/base.css';
import './styles/loop.css';
import './styles/panels.css';
import './styles/lists.css';
import './styles/drift-card.css';
import './styles/time-line.css';

applyTheme(chosenTheme());
const store = createStore();
const live = goLive(store);
const page = document.getElementById('page');
if (page !== null) render(<App store={store} live={live} />, page);
