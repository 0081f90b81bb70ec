// attack.mjs NAME JSON: runs the attack NAME of attacks/ with these parameters, says
// "ready" before the first blow and ends with one line of JSON: what it did and what came of it.

const [name = "", parameters = "{}"] = process.argv.slice(2);
const { attack } = await import(`./attacks/${name}.mjs`);
process.stdout.write("ready\n");
const result = await attack(JSON.parse(parameters));
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit());
