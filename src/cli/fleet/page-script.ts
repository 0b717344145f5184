/** Before the table: what is beyond its first thousand rows is not laid out where the script below can show it. */
export const EARLY_SCRIPT = `document.documentElement.classList.add('js');`;

/**
 * Filters and sorts the table; the page is whole without it. It reads text and attributes and writes `hidden`, order and numbers: no
 * text of the page ever becomes markup. Its digest stands in the page's policy, so no other script runs.
 */
export const SCRIPT = `
(() => {
  const table = document.getElementById('fleet');
  const tools = document.querySelector('.tools');
  if (!table || !tools) return;
  const body = table.tBodies[0];
  let most = body.rows.length;
  const rows = [...table.rows].slice(1).map((row) => ({ row, text: row.textContent.toLowerCase(), role: row.cells[2].textContent }));
  const [text, role] = [tools.querySelector('input'), tools.querySelector('select')];
  const count = tools.querySelector('output');
  const all = tools.querySelector('button');
  const tiles = [...document.querySelectorAll('.tiles a')];
  const collator = new Intl.Collator('en', { numeric: true });
  let health = '';
  const filter = () => {
    const words = text.value.toLowerCase().split(/\\s+/).filter(Boolean);
    let [fitting, shown] = [0, 0];
    for (const one of rows) {
      const fits = (health === '' || one.row.dataset.h === health) && (role.value === '' || one.role === role.value)
        && words.every((word) => one.text.includes(word));
      if (fits) fitting++;
      one.row.hidden = !fits || shown >= most;
      if (!one.row.hidden) shown++;
    }
    const number = (value) => value.toLocaleString('en-US');
    count.value = shown < fitting ? number(shown) + ' of ' + number(fitting) + ' shown' : number(fitting) + ' of ' + number(rows.length);
    all.hidden = shown === fitting;
    for (const tile of tiles) tile.toggleAttribute('aria-current', tile.dataset.h === health && health !== '');
  };
  for (const tile of tiles) tile.addEventListener('click', () => {
    health = tile.dataset.h === health ? '' : tile.dataset.h;
    filter();
  });
  text.addEventListener('input', filter);
  role.addEventListener('change', filter);
  all.addEventListener('click', () => {
    most = rows.length;
    filter();
  });
  [...table.tHead.rows[0].cells].forEach((head, index) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener('click', () => {
      const up = head.getAttribute('aria-sort') !== 'ascending';
      for (const other of table.tHead.rows[0].cells) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
      const of = ({ row }) => {
        const { v } = row.cells[index].dataset;
        return v === undefined ? row.cells[index].textContent : Number(v);
      };
      const values = new Map(rows.map((one) => [one, of(one)]));
      rows.sort((a, b) => {
        const [x, y] = [values.get(a), values.get(b)];
        return (typeof x === 'number' && typeof y === 'number' ? x - y : collator.compare(x, y)) * (up ? 1 : -1);
      });
      filter();
      body.append(...rows.map((one) => one.row));
    });
  });
  const unfold = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target instanceof HTMLDetailsElement) target.open = true;
  };
  addEventListener('hashchange', unfold);
  unfold();
  filter();
  body.append(...rows.map((one) => one.row));
  document.documentElement.classList.remove('js');
  tools.hidden = false;
})();
`;
