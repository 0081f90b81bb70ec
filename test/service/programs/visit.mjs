// visit.mjs ADDRESS: what a browser does with the address of the page. Prints the status of the answer.

const { origin, pathname, hash } = new URL(process.argv[2]);
const headers = { origin, authorization: `Token ${hash.slice(1)}` };
const { status } = await fetch(`${origin}${pathname}session`, { method: "POST", headers });
console.log(status);
