package dev.holkas.client;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.Base64;

/** A certificate that signs itself, with its key, made by the JDK's keytool: for `localhost` and 127.0.0.1. */
final class Certificate {
  private static final char[] PASSWORD = "password".toCharArray();

  final Path chain;
  final Path key;

  Certificate(Path directory, String name) throws IOException, InterruptedException, GeneralSecurityException {
    Path store = directory.resolve(name + ".p12");
    makeStore(store);
    KeyStore keys = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(store)) {
      keys.load(in, PASSWORD);
    }
    chain = writePem(directory.resolve(name + ".pem"), "CERTIFICATE", keys.getCertificate("it").getEncoded());
    key = writePem(directory.resolve(name + ".key"), "PRIVATE KEY", keys.getKey("it", PASSWORD).getEncoded());
  }

  private static void makeStore(Path store) throws IOException, InterruptedException {
    Path keytool = Path.of(System.getProperty("java.home"), "bin", "keytool");
    Process process =
        new ProcessBuilder(
                keytool.toString(), "-genkeypair", "-alias", "it", "-keyalg", "RSA", "-keysize", "2048",
                "-dname", "CN=localhost", "-ext", "san=dns:localhost,ip:127.0.0.1", "-ext", "bc:c", "-storetype", "PKCS12",
                "-storepass", new String(PASSWORD), "-keystore", store.toString())
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() != 0) {
      throw new IOException("keytool: " + output);
    }
  }

  private static Path writePem(Path file, String label, byte[] der) throws IOException {
    String lines = Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(der);
    return Files.writeString(file, "-----BEGIN " + label + "-----\n" + lines + "\n-----END " + label + "-----\n");
  }
}
