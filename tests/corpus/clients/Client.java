// Requests of Java's HttpClient. Arguments: name of the case, URL of the function.
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;

class Client {
    public static void main(String[] arguments) throws Exception {
        if (arguments.length < 2) {
            String version = System.getProperty("java.version");
            System.out.println(
                "{\"cases\": [\"get, to be upgraded\", \"post, to be upgraded\", \"get\", \"expects 100\"],"
                    + " \"version\": \"java " + version + "\"}");
            return;
        }
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(arguments[1]));
        boolean upgrades = arguments[0].endsWith("upgraded");
        if (arguments[0].startsWith("post")) {
            request.POST(BodyPublishers.ofString("{\"a\": 1}")).header("Content-Type", "application/json");
        } else if (arguments[0].startsWith("expects")) {
            request.PUT(BodyPublishers.ofString("body")).expectContinue(true);
        }
        HttpClient client =
            HttpClient.newBuilder()
                .version(upgrades ? HttpClient.Version.HTTP_2 : HttpClient.Version.HTTP_1_1)
                .build();
        client.send(request.build(), BodyHandlers.ofString());
    }
}
