"page";
