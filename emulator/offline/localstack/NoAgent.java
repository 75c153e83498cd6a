public class NoAgent {
    public static void premain(String options) {}
}
