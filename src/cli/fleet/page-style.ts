/** The whole look of the page; its digest stands in the page's policy, so nothing else can style it. Contrast is AA in both schemes. */
export const STYLE = `
:root{color-scheme:light dark;--bg:#f5f6f8;--card:#fff;--ink:#171c26;--quiet:#566074;--line:#dbe0e8;--soft:#eef1f5;--link:#0a58b0;--focus:#0a58b0;
--healthy:#0b6338;--healthy-bg:#def3e6;--degraded:#7f4500;--degraded-bg:#fdecd0;--failed:#a31a14;--failed-bg:#fde4e2;--lost:#fff;--lost-bg:#a31a14;
--draining:#0b5280;--draining-bg:#ddeefa;--converging:#41459f;--converging-bg:#e7e8fb;--ended:#566074;--ended-bg:#e8ebf0;
--healthy-fill:#2f9e62;--degraded-fill:#d98a1c;--failed-fill:#d4463f;--lost-fill:#a31a14;--draining-fill:#3187c2;--converging-fill:#6a6fd0;--ended-fill:#9aa5b5;--unreadable-fill:#6b7484}
@media (prefers-color-scheme:dark){:root{--bg:#0e131a;--card:#161d27;--ink:#e5eaf1;--quiet:#a0abbc;--line:#2b3543;--soft:#1e2732;--link:#7fb8f5;--focus:#7fb8f5;
--healthy:#83dca8;--healthy-bg:#11301f;--degraded:#f3c377;--degraded-bg:#39290d;--failed:#ffa09a;--failed-bg:#431a18;--lost:#fff;--lost-bg:#b3261e;
--draining:#8ccbf5;--draining-bg:#10304a;--converging:#b9bcff;--converging-bg:#25274f;--ended:#a0abbc;--ended-bg:#232c38;
--healthy-fill:#3fae72;--degraded-fill:#dc9a36;--failed-fill:#e2625b;--lost-fill:#b3261e;--draining-fill:#4a9bd4;--converging-fill:#7f84de;--ended-fill:#66728a;--unreadable-fill:#8792a3}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;-webkit-text-size-adjust:100%}
main{max-width:1320px;margin:0 auto;padding:28px 24px 56px}
h1{font-size:26px;line-height:1.2;margin:0;letter-spacing:-.01em}
h2{font-size:18px;margin:36px 0 12px}
h3{font:600 14px/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;margin:0}
h4{font-size:13px;margin:20px 0 6px;color:var(--quiet)}
p{margin:6px 0}
code,pre,.id,.ip{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:13px}
a{color:var(--link);text-underline-offset:2px}
.quiet{color:var(--quiet)}
.head{display:flex;flex-wrap:wrap;gap:4px 16px;align-items:baseline;margin-bottom:20px}
.head p{margin:0;color:var(--quiet)}
.head code{overflow-wrap:anywhere}
:focus-visible{outline:3px solid var(--focus);outline-offset:2px;border-radius:4px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(128px,1fr));gap:10px;padding:0;margin:0;list-style:none}
.tiles a{display:block;background:var(--card);border:1px solid var(--line);border-top:4px solid var(--line);border-radius:8px;padding:10px 14px 12px;color:inherit;text-decoration:none}
.tiles a:hover{border-color:var(--quiet)}
.tiles b{display:block;font-size:28px;line-height:1.2;font-weight:650;font-variant-numeric:tabular-nums}
.tiles span{color:var(--quiet)}
.tiles a[aria-current]{box-shadow:inset 0 0 0 2px var(--focus)}
.zero b{color:var(--quiet);font-weight:400}
.share{display:block;width:100%;height:10px;margin:14px 0 0;border-radius:5px}
.card,.wide{background:var(--card);border:1px solid var(--line);border-radius:8px}
.card{padding:12px 16px}
.digests{display:grid;grid-template-columns:auto 1fr auto;gap:6px 14px;align-items:center}
.digests svg{width:100%;height:10px}
.digests b{font-variant-numeric:tabular-nums;text-align:right;font-weight:600}
rect{fill:var(--draining-fill)}
.tools{display:flex;flex-wrap:wrap;gap:10px;align-items:end;margin:0 0 12px}
.tools label{display:grid;gap:2px;font-size:13px;color:var(--quiet)}
.tools label:first-child{flex:1 1 240px}
.tools output{color:var(--quiet);padding:8px 0}
input,select,.tools button{font:inherit;color:var(--ink);background:var(--card);border:1px solid var(--quiet);border-radius:6px;padding:7px 10px;width:100%;min-height:38px}
::placeholder{color:var(--quiet);opacity:1}
.tools button{width:auto;cursor:pointer}
.js .more{display:none}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:7px 12px;border-bottom:1px solid var(--line);vertical-align:middle}
th{font-size:13px;font-weight:600;color:var(--quiet);background:var(--soft);white-space:nowrap}
th button{font:inherit;color:inherit;background:none;border:0;padding:0;cursor:pointer;text-align:inherit}
th button::after{content:"\\2195";opacity:.45;padding-left:5px}
th[aria-sort=ascending] button::after{content:"\\2191";opacity:1}
th[aria-sort=descending] button::after{content:"\\2193";opacity:1}
tbody tr:last-child td{border-bottom:0}
tbody tr:hover td{background:var(--soft)}
.ip,td code,.n{white-space:nowrap}
.id{min-width:calc(19ch + 26px);max-width:340px;overflow-wrap:anywhere}
.id a{white-space:nowrap}
.n{text-align:right;font-variant-numeric:tabular-nums}
td.what{min-width:220px;overflow-wrap:anywhere}
em{font-style:normal;color:var(--degraded)}
.h{display:inline-flex;align-items:center;gap:6px;border-radius:999px;padding:1px 10px 1px 8px;font-size:13px;font-weight:600;white-space:nowrap}
.h i{font-style:normal;min-width:1em;text-align:center;font-size:11px}
.healthy{color:var(--healthy);background:var(--healthy-bg)}
.degraded{color:var(--degraded);background:var(--degraded-bg)}
.failed{color:var(--failed);background:var(--failed-bg)}
.lost{color:var(--lost);background:var(--lost-bg)}
.draining{color:var(--draining);background:var(--draining-bg)}
.converging{color:var(--converging);background:var(--converging-bg)}
.ended,.unreadable{color:var(--ended);background:var(--ended-bg)}
.t-healthy{border-top-color:var(--healthy-fill)!important}.t-degraded{border-top-color:var(--degraded-fill)!important}.t-failed{border-top-color:var(--failed-fill)!important}
.t-lost{border-top-color:var(--lost-fill)!important}.t-draining{border-top-color:var(--draining-fill)!important}.t-converging{border-top-color:var(--converging-fill)!important}
.t-ended{border-top-color:var(--ended-fill)!important}.t-unreadable{border-top-color:var(--unreadable-fill)!important}
.f-healthy{fill:var(--healthy-fill)}.f-degraded{fill:var(--degraded-fill)}.f-failed{fill:var(--failed-fill)}.f-lost{fill:var(--lost-fill)}
.f-draining{fill:var(--draining-fill)}.f-converging{fill:var(--converging-fill)}.f-ended{fill:var(--ended-fill)}.f-unreadable{fill:var(--unreadable-fill)}
.one{background:var(--card);border:1px solid var(--line);border-radius:8px;margin:0 0 8px;scroll-margin-top:12px}
.one:target{border-color:var(--focus);box-shadow:0 0 0 1px var(--focus)}
summary{display:flex;flex-wrap:wrap;gap:4px 12px;align-items:center;padding:10px 14px;cursor:pointer;list-style:none}
summary::-webkit-details-marker{display:none}
summary::before{content:"";width:0;height:0;border:5px solid transparent;border-left:7px solid var(--quiet);border-right:0;transition:transform .1s}
[open]>summary::before{transform:rotate(90deg)}
summary .what{overflow-wrap:anywhere}
.in{padding:2px 16px 16px;border-top:1px solid var(--line)}
.box{border-left:4px solid var(--failed-fill);background:var(--soft);border-radius:0 6px 6px 0;padding:8px 14px;margin:12px 0;overflow-wrap:anywhere}
pre{background:var(--bg);border:1px solid var(--line);border-radius:6px;padding:10px 12px;margin:10px 0;overflow:auto;max-height:420px;white-space:pre-wrap;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 18px;margin:14px 0 0}
dt{color:var(--quiet)}
dd{margin:0;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
.in ul{margin:6px 0;padding-left:20px;overflow-wrap:anywhere}
.tl{display:grid;grid-template-columns:minmax(90px,34%) 1fr max-content;gap:0 14px;align-items:start}
.tl ol{list-style:none;margin:0;padding:0;min-width:0}
.tl li{height:24px;line-height:24px;font-size:13px;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
.tl .ms li{text-align:right;font-variant-numeric:tabular-nums;color:var(--quiet)}
.tl li.bad,.tl li.bad b{color:var(--failed)}
.tl svg{width:100%;display:block}
.tl .bad{fill:var(--failed-fill)}
.rule{stroke:var(--line);stroke-width:1;vector-effect:non-scaling-stroke}
.empty{padding:36px 24px;text-align:center}
.empty p{max-width:62ch;margin:8px auto}
footer{margin-top:36px;color:var(--quiet);font-size:13px}
[hidden]{display:none!important}
@media (max-width:760px){
main{padding:18px 14px 40px}
h1{font-size:22px}
.tiles{grid-template-columns:repeat(3,1fr)}
.tiles a{padding:8px 10px}
.tiles b{font-size:22px}
.wide{border:0;background:none;overflow:visible}
thead{position:absolute;clip-path:inset(50%);height:1px;width:1px;overflow:hidden}
table,tbody,tr,td{display:block}
tr{background:var(--card);border:1px solid var(--line);border-radius:8px;margin:0 0 8px;padding:10px 12px;display:grid;grid-template-columns:8.2em 1fr auto;gap:2px 12px;align-items:center}
td{padding:0;border:0}
td:first-child{white-space:nowrap}
td.id{grid-column:2/4;justify-self:end;min-width:0;max-width:100%;text-align:right}
td:nth-child(3)::before{content:"role ";color:var(--quiet)}
td:nth-child(4){grid-column:2/4;justify-self:end}
td:nth-child(5)::before{content:"up ";color:var(--quiet)}
td:nth-child(6)::before{content:"seen ";color:var(--quiet)}
td.n{text-align:left;justify-self:start}
td.ip{justify-self:end}
td.what{grid-column:1/4;min-width:0}
td.what:empty{display:none}
dl{grid-template-columns:1fr;gap:0}
dd{margin:0 0 6px}
.tl{grid-template-columns:minmax(90px,40%) 1fr max-content;gap:0 8px}
}
@media (prefers-reduced-motion:reduce){summary::before{transition:none}}
@media print{.tools{display:none}body{background:#fff}}
`;
