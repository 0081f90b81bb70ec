class Lanxfer < Formula
  desc "@DESCRIPTION@"
  homepage "@HOMEPAGE@"
  url "@URL@"
  version "@VERSION@"
  sha256 "@SHA256@"
  license "MIT"

  depends_on "node"

  def install
    system "npm", "install", *std_npm_args
    bin.install_symlink Dir["#{libexec}/bin/*"]
    generate_completions_from_executable(bin/"lanxferctl", "completion")
    man1.install Dir["#{libexec}/lib/node_modules/lanxfer/dist/man/*.1"]
    man5.install Dir["#{libexec}/lib/node_modules/lanxfer/dist/man/*.5"]
    man8.install Dir["#{libexec}/lib/node_modules/lanxfer/dist/man/*.8"]
  end

  # No service block: brew would make it an agent of the user, and macOS since 15
  # can cut agents off from the local network unasked.
  def caveats
    command = OS.mac? ? "sudo lanxferctl service install" : "lanxferctl service install"
    "To let lanxferd start by itself: #{command}"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/lanxferctl --version")
    assert_match version.to_s, shell_output("#{bin}/lanxferd --version")
  end
end
