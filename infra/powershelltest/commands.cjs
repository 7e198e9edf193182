// What a script of PowerShell calls, as JSON: {"wrong": where it cannot be read, "commands": [{name, parameters}]}.
// The script comes on standard input; the argument is the folder node_modules.
const { createRequire } = require("node:module");
const path = require("node:path");
const modules = process.argv[1];
const { Parser, Language } = createRequire(path.join(modules, "leaver.cjs"))("web-tree-sitter");

(async () => {
  await Parser.init();
  const parser = new Parser();
  parser.setLanguage(await Language.load(path.join(modules, "tree-sitter-powershell", "tree-sitter-powershell.wasm")));
  const root = parser.parse(require("node:fs").readFileSync(0, "utf8")).rootNode;
  const wrong = [];
  const look = (node) => {
    if (node.isError || node.isMissing) wrong.push(`line ${node.startPosition.row + 1}: ${node.text.slice(0, 60)}`);
    node.children.forEach(look);
  };
  look(root);
  const commands = root.descendantsOfType("command").map((c) => ({
    name: c.childForFieldName("command_name")?.text ?? "",
    parameters: c.descendantsOfType("command_parameter").map((p) => p.text.replace(/^-/, "").replace(/:$/, "")),
  }));
  console.log(JSON.stringify({ wrong, commands }));
})();
